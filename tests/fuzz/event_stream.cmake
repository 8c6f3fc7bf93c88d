shunt_fuzz(event_stream LIBRARIES shunt::net SOURCES fuzz_event_stream.cpp)
