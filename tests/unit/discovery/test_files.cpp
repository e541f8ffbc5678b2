// One library file: read once, and only what was read counts.
#include <base/sha256.hpp>

#include "directory.hpp"
#include "library.hpp"

using namespace tenon::host;

namespace {

Library examine(const std::string& root_path, const std::string& name, DiscoveryOptions options = {}) {
  options.owners = this_user();
  std::vector<Root> roots;
  auto root = open_safe_root(root_path, *options.owners, options.path_checks);
  REQUIRE(root);
  roots.push_back({std::move(*root), Origin::plugin, true});
  Examiner examiner(options, *options.owners, roots);
  Library library;
  library.entry = {0, name};
  examiner.examine(library);
  return library;
}

}  // namespace

TEST_CASE("the digest is over the file's bytes") {
  const Directory directory;
  directory.library("elf_good.so", "a.so");
  const auto bytes = read_text_file(directory.path("a.so"), 1u << 20u);
  REQUIRE(bytes);
  const Library library = examine(directory.path(), "a.so");
  REQUIRE(library.file);
  CHECK(library.file->digest == sha256(std::as_bytes(std::span(*bytes))));
  CHECK(library.file->size == bytes->size());
  CHECK(library.file->path == directory.path("a.so"));
  CHECK(library.file->build_id.size() == 40);
  struct stat status {};
  REQUIRE(::stat(directory.path("a.so").c_str(), &status) == 0);
  CHECK(library.file->device == status.st_dev);
  CHECK(library.file->inode == status.st_ino);
  CHECK(library.file->mtime_ns == status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec);
  CHECK(library.manifests.size() == 1);
  CHECK(library.findings.empty());
}

TEST_CASE("a file whose content is not what its size said is refused") {
  // Files of /proc have size 0 and content: what a file that grows between fstat and read looks like.
  const Library library = examine("/proc/" + std::to_string(::getpid()), "maps");
  CHECK_FALSE(library.file);
  REQUIRE(library.failure);
  CHECK(library.failure->reason == "CHANGED");
  CHECK(contains(library.failure->message, "changed while it was read"));
}

TEST_CASE("too large a file is refused without reading it") {
  const Directory directory;
  directory.write("a.so", "x");
  REQUIRE(::truncate(directory.path("a.so").c_str(), static_cast<off_t>(max_library_bytes) + 1) == 0);
  const Library library = examine(directory.path(), "a.so");
  CHECK_FALSE(library.file);
  REQUIRE(library.failure);
  CHECK(library.failure->reason == "TOO_LARGE");
  CHECK(contains(library.failure->message, "at most 256MiB are loaded"));
}

TEST_CASE("a large file is examined like others") {
  const Directory directory;
  directory.library("elf_good.so", "a.so");
  REQUIRE(::truncate(directory.path("a.so").c_str(), 40 << 20) == 0);
  const Library library = examine(directory.path(), "a.so");
  REQUIRE(library.file);
  CHECK(library.file->size == 40u << 20u);
  CHECK(library.findings.empty());
}

TEST_CASE("an empty file is no library") {
  const Directory directory;
  directory.write("a.so", "");
  const Library library = examine(directory.path(), "a.so");
  REQUIRE(library.file);
  REQUIRE(library.findings.size() == 1);
  CHECK(library.findings[0].code == "elf.not_elf");
}

TEST_CASE("a file that vanished is told from a link that leads nowhere") {
  const Directory directory;
  directory.link("nothing", "dangling.so");
  CHECK(examine(directory.path(), "absent.so").gone);
  const Library dangling = examine(directory.path(), "dangling.so");
  CHECK_FALSE(dangling.gone);
  CHECK(dangling.failure);
}

TEST_CASE("in safe mode plugins are read but not hashed") {
  const Directory directory;
  directory.library("elf_good.so", "a.so");
  DiscoveryOptions options;
  options.skip_plugins = true;
  const Library library = examine(directory.path(), "a.so", options);
  REQUIRE(library.file);
  CHECK(library.file->digest == Digest{});
  CHECK(library.manifests.size() == 1);
}
