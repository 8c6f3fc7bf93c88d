shunt_fuzz(config LIBRARIES shunt::config SOURCES "${CMAKE_CURRENT_LIST_DIR}/fuzz_config.cpp")
