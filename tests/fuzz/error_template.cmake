shunt_fuzz(error_template LIBRARIES shunt::net SOURCES fuzz_error_template.cpp)
