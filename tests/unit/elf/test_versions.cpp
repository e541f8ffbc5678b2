// Order of version names.
#include "elf_fixture.hpp"
#include "versions.hpp"

using namespace tenon::host;

TEST_CASE("versions are compared by number") {
  CHECK(version_less("GLIBC_2.9", "GLIBC_2.34"));
  CHECK_FALSE(version_less("GLIBC_2.34", "GLIBC_2.9"));
  CHECK(version_less("GLIBC_2.2", "GLIBC_2.2.5"));
  CHECK_FALSE(version_less("GLIBC_2.2", "GLIBC_2.2"));
  CHECK(version_less("CXXABI_1.3.9", "CXXABI_1.3.13"));
  CHECK(version_less("GLIBCXX_3.4", "GLIBCXX_3.4.1"));
  CHECK(version_less("A_1", "B_0"));
  CHECK_FALSE(version_less("A_010", "A_10"));
  CHECK_FALSE(version_less("A_10", "A_010"));
  CHECK(version_less("A_99999999999999999999999", "A_100000000000000000000000"));
  CHECK_FALSE(version_less("", ""));
  CHECK(version_less("", "a"));
}

TEST_CASE("the family is what stands before the number") {
  CHECK(version_family("GLIBC_2.34") == "GLIBC");
  CHECK(version_family("OPENSSL_3.0.0") == "OPENSSL");
  CHECK(version_family("CURL_GNUTLS_3") == "CURL_GNUTLS");
  CHECK(version_family("plain").empty());
}
