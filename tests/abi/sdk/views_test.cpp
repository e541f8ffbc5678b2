#include <doctest/doctest.h>

#include <span>
#include <string>
#include <tenon/tenon.hpp>
#include <vector>

TEST_CASE("views convert both ways, empty ones included") {
  CHECK(tenon::view(TENON_STR("abc")) == "abc");
  CHECK(tenon::view(tenon_str{nullptr, 0}).empty());
  const tenon_str c = tenon::to_c("xyz");
  CHECK(std::string(c.ptr, c.len) == "xyz");
  static_assert(tenon::view(TENON_STR("a\0b")).size() == 3);

  const std::string text = "bytes";
  const tenon::Bytes bytes(text);
  CHECK(bytes.text() == text);
  CHECK(std::string(bytes.begin(), bytes.end()) == text);
  const std::span<const std::uint8_t> span = bytes;
  CHECK(span.size() == 5);
  const tenon_bytes raw = bytes;
  CHECK(tenon::Bytes(raw).text() == text);
  CHECK(tenon::Bytes().empty());
}

namespace {

int releases = 0;
tenon_blob counted() {
  return {reinterpret_cast<const std::uint8_t*>("x"), 1, [](void*) noexcept { ++releases; }, nullptr};
}

}  // namespace

TEST_CASE("a blob is released exactly once, wherever it has moved") {
  releases = 0;
  {
    tenon::Blob a(counted());
    tenon::Blob b(std::move(a));
    tenon::Blob c;
    c = std::move(b);
    CHECK(c.bytes().text() == "x");
    CHECK(releases == 0);
  }
  CHECK(releases == 1);

  tenon::Blob replaced(counted());
  replaced = tenon::Blob();
  CHECK(releases == 2);
  replaced.reset();
  CHECK(releases == 2);
}

TEST_CASE("a blob that was handed over is released by the one who took it") {
  releases = 0;
  tenon_blob raw;
  {
    tenon::Blob blob(counted());
    raw = blob.hand_over();
  }
  CHECK(releases == 0);
  raw.release(raw.owner);
  CHECK(releases == 1);
}

TEST_CASE("a blob adopts containers and literals") {
  const std::string long_text(1000, 'q');
  CHECK(tenon::Blob::adopt(long_text).bytes().text() == long_text);
  CHECK(tenon::Blob::adopt(std::vector<std::uint8_t>{1, 2, 3}).bytes().size() == 3);
  CHECK(tenon::Blob::adopt(std::string()).bytes().empty());
  CHECK(tenon::Blob::of_static("literal").bytes().text() == "literal");
}
