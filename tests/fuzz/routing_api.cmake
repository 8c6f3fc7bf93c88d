shunt_fuzz(routing_api LIBRARIES shunt::net SOURCES fuzz_routing_api.cpp)
