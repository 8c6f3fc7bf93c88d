shunt_fuzz(basic_auth LIBRARIES OpenSSL::Crypto SOURCES fuzz_basic_auth.cpp ../../app/basic_auth.cpp)
