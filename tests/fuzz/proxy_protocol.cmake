shunt_fuzz(proxy_protocol LIBRARIES shunt::net SOURCES fuzz_proxy_protocol.cpp)
