shunt_fuzz(http_request LIBRARIES shunt::net SOURCES fuzz_http_request.cpp)
