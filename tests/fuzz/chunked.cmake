shunt_fuzz(chunked LIBRARIES shunt::net SOURCES fuzz_chunked.cpp)
