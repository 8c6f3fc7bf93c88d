shunt_fuzz(http2 LIBRARIES shunt::net SOURCES fuzz_http2.cpp)
