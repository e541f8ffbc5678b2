#include "markers.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.hpp"
#include "daemon/boot.hpp"
#include "temporary_directory.hpp"

using namespace tenon::host;
using tenon::test::TemporaryDirectory;

namespace {

void mark(const std::string& directory, const std::string& module, const Digest& digest) {
  const UniqueFd pinned(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  write_load_marker(pinned.get(), module, digest);
}

}  // namespace

TEST_CASE("what one process marks, the next one reads") {
  const TemporaryDirectory state;
  CHECK(read_load_markers(state.path()).empty());
  CHECK(hung_digests(state.path()).empty());
  const Digest one = sha256({}), two = sha256(std::as_bytes(std::span("x", 1)));
  mark(state.path(), "orders", one);
  mark(state.path(), "big_catalog2", two);
  const auto markers = read_load_markers(state.path());
  REQUIRE(markers.size() == 2);
  CHECK(markers[0].digest == to_hex(one));
  CHECK(markers[0].module == "orders");
  CHECK(markers[1].module == "big_catalog2");
  CHECK(hung_digests(state.path()) == std::vector<std::string>{to_hex(one), to_hex(two)});
  struct stat st {};
  REQUIRE(::stat((state / load_marker_name).c_str(), &st) == 0);
  CHECK((st.st_mode & 07777U) == 0600);
}

TEST_CASE("lines that are no marks are passed over") {
  const TemporaryDirectory state;
  const std::string digest = to_hex(sha256({}));
  state.write(load_marker_name, "short orders\n" + digest + " Not-A-Name\n" + digest + " good\n" + digest);
  const auto markers = read_load_markers(state.path());
  REQUIRE(markers.size() == 1);
  CHECK(markers[0].module == "good");
  state.write(load_marker_name, std::string("\0\xff\n\n", 4) + std::string(2 * 1024 * 1024, 'a'));
  CHECK(read_load_markers(state.path()).empty());
}

TEST_CASE("a mark is not written through a link, and where it cannot be written nothing happens") {
  const TemporaryDirectory state;
  state.write("elsewhere", "kept");
  REQUIRE(::symlink("elsewhere", (state / load_marker_name).c_str()) == 0);
  mark(state.path(), "orders", sha256({}));
  CHECK(state.read("elsewhere") == "kept");
  mark(state / "absent", "orders", sha256({}));
  CHECK_FALSE(std::filesystem::exists(state / "absent"));
}
