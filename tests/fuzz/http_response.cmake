shunt_fuzz(http_response LIBRARIES shunt::net SOURCES fuzz_http_response.cpp)
