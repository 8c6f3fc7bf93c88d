shunt_fuzz(registry_message LIBRARIES shunt::net SOURCES fuzz_registry_message.cpp)
