shunt_fuzz(reservation_message LIBRARIES shunt::net SOURCES fuzz_reservation_message.cpp)
