set(codec endpoint_codec msgpack peer_frame replica_codec replica_parts told_codec)
list(TRANSFORM codec REPLACE "(.+)" "${CMAKE_SOURCE_DIR}/cluster/\\1.cpp")
shunt_fuzz(replica LIBRARIES shunt::routing "${SHUNT_SIMDJSON}" SOURCES fuzz_replica.cpp ${codec})
