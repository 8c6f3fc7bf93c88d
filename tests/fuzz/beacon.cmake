shunt_fuzz(beacon LIBRARIES nlohmann_json::nlohmann_json
  SOURCES fuzz_beacon.cpp "${CMAKE_SOURCE_DIR}/cluster/beacon.cpp" "${CMAKE_SOURCE_DIR}/cluster/beacon_ear.cpp")
