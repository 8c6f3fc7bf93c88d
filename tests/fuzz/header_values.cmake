shunt_fuzz(header_values LIBRARIES shunt::net SOURCES fuzz_header_values.cpp)
