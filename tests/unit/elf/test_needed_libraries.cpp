// Libraries and versions of this machine, with search paths of the test's own.
#include "elf/needed_libraries.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "elf_fixture.hpp"
#include "ld_cache.hpp"
#include "skip.hpp"

using namespace tenon::host;
using List = std::vector<std::string>;

namespace {

LibrarySearch only(const std::string& directory) {
  LibrarySearch search;
  search.first = {directory};
  search.last = LibrarySearch::of_process().last;
  search.cache_file = "/etc/ld.so.cache";
  return search;
}

/// ld.so.cache in the new format with the given (name, path, flags, hwcap).
struct CacheLine {
  std::string name, path;
  std::int32_t flags;
  std::uint64_t hwcap = 0;
};
std::string cache_of(const std::vector<CacheLine>& lines) {
  std::string out = "glibc-ld.so.cache1.1", strings;
  const auto add = [&](const auto& value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); };
  const auto base = static_cast<std::uint32_t>(48 + lines.size() * 24);
  add(static_cast<std::uint32_t>(lines.size()));
  std::string entries;
  for (const CacheLine& line : lines) {
    const auto word = [&](auto value) { entries.append(reinterpret_cast<const char*>(&value), sizeof value); };
    word(line.flags);
    word(static_cast<std::uint32_t>(base + strings.size()));
    strings += line.name + '\0';
    word(static_cast<std::uint32_t>(base + strings.size()));
    strings += line.path + '\0';
    word(std::uint32_t{0});
    word(line.hwcap);
  }
  add(static_cast<std::uint32_t>(strings.size()));
  for (unsigned i = 0; i < 5; ++i) add(std::uint32_t{0});
  return out + entries + strings;
}

#if defined(__x86_64__)
constexpr std::int32_t kind = 0x0303;
#else
constexpr std::int32_t kind = 0x0a03;
#endif

}  // namespace

TEST_CASE("what this machine has is found") {
  NeededLibraries libraries;
  for (const char* name : {"elf_good.so", "elf_two.so"}) {
    ElfReport report = gate_file(name);
    REQUIRE_FALSE(report.versions.empty());
    CHECK(report.versions[0].library == "libc.so.6");
    CHECK(report.versions[0].version.starts_with("GLIBC_2."));
    check_needed_libraries(report, libraries);
    CHECK(codes(report) == List{});
  }
  const InstalledLibrary* libc = libraries.find("libc.so.6");
  REQUIRE(libc != nullptr);
  CHECK(libc->path.find("libc.so.6") != std::string::npos);
  CHECK(libc->versioned);
  CHECK(libc->versions.size() > 5);
  CHECK(libraries.find("libc.so.6") == libc);
}

TEST_CASE("a library that is not installed is named with the places searched") {
  NeededLibraries libraries;
  ElfReport report = gate_file("elf_missing_library.so");
  check_needed_libraries(report, libraries);
  CHECK(codes(report) == List{"error elf.missing_library"});
  CHECK(report.findings[0].message == "it needs the library `libfixture.so.1`, which this machine does not have");
  CHECK(report.findings[0].help.find("/etc/ld.so.cache") != std::string::npos);
}

TEST_CASE("a version the library does not have is named with the newest it has") {
  ElfReport report = gate_file("elf_missing_library.so");
  NeededLibraries old(only(fixture_path("libraries/old")));
  check_needed_libraries(report, old);
  CHECK(codes(report) == List{"error elf.missing_version"});
  CHECK(report.findings[0].message == "it needs FIX_1.10 of `libfixture.so.1`, this machine's libfixture.so.1 (" +
                                          fixture_path("libraries/old/libfixture.so.1") + ") has up to FIX_1.0");
  report = gate_file("elf_missing_library.so");
  NeededLibraries current(only(fixture_path("libraries/new")));
  check_needed_libraries(report, current);
  CHECK(codes(report) == List{});
}

TEST_CASE("a newer libc is asked for") {
  ElfReport report = gate_file("elf_missing_version.so");
  NeededLibraries libraries;
  check_needed_libraries(report, libraries);
  REQUIRE(codes(report) == List{"error elf.missing_version"});
  CHECK(report.findings[0].message.starts_with("it needs GLIBC_2.99 of `libc.so.6`, this machine's libc.so.6 ("));
  CHECK(report.findings[0].message.find("has up to GLIBC_2.") != std::string::npos);
}

TEST_CASE("a weak version may be missing, a library without versions satisfies all") {
  ElfReport report;
  report.needed = {"libfixture.so.1"};
  report.versions = {{"libfixture.so.1", "FIX_9", true}};
  NeededLibraries libraries(only(fixture_path("libraries/old")));
  check_needed_libraries(report, libraries);
  CHECK(codes(report) == List{});
  report.needed = {"libnosoname.so"};
  report.versions = {{"libnosoname.so", "FIX_9", false}};
  NeededLibraries plain(only(fixture_path("libraries")));
  check_needed_libraries(report, plain);
  CHECK(codes(report) == List{});
}

TEST_CASE("what is no library for this machine is passed over") {
  const std::string directory = "/tmp/tenon-test-libraries-" + std::to_string(::getpid());
  std::filesystem::create_directories(directory + "/a");
  REQUIRE(write_file_atomic(directory + "/a/libc.so.6", "no library", 0644));
  REQUIRE(::mkfifo((directory + "/a/libm.so.6").c_str(), 0644) == 0);
  NeededLibraries libraries(only(directory + "/a"));
  for (const char* name : {"libc.so.6", "libm.so.6"}) {
    const InstalledLibrary* library = libraries.find(name);
    REQUIRE(library != nullptr);
    CHECK(library->path.find(directory) == std::string::npos);
  }
  CHECK(libraries.find("") == nullptr);
  CHECK(libraries.find("../libc.so.6") == nullptr);
  std::filesystem::remove_all(directory);
}

TEST_CASE("many threads ask at once") {
  NeededLibraries libraries;
  std::vector<const InstalledLibrary*> found(8);
  std::vector<std::thread> threads;
  for (auto& slot : found)
    threads.emplace_back([&] {
      for (unsigned i = 0; i < 50; ++i) {
        slot = libraries.find("libc.so.6");
        (void)libraries.find("libno" + std::to_string(i) + ".so");
      }
    });
  for (auto& thread : threads) thread.join();
  for (const InstalledLibrary* library : found) CHECK(library == found[0]);
  CHECK(found[0] != nullptr);
}

TEST_CASE("the loader's cache") {
  const std::string cache = cache_of({{"liba.so.1", "/usr/lib/glibc-hwcaps/liba.so.1", kind, std::uint64_t{1} << 62u},
                                      {"liba.so.1", "/usr/lib32/liba.so.1", 3},
                                      {"liba.so.1", "/usr/lib/liba.so.1", kind},
                                      {"liba.so.10", "/usr/lib/liba.so.10", kind}});
  CHECK(paths_in_cache(Bytes(cache), "liba.so.1") == List{"/usr/lib/liba.so.1", "/usr/lib/glibc-hwcaps/liba.so.1"});
  CHECK(paths_in_cache(Bytes(cache), "liba.so.10") == List{"/usr/lib/liba.so.10"});
  CHECK(paths_in_cache(Bytes(cache), "liba.so") == List{});
  CHECK(paths_in_cache(Bytes(cache), "") == List{});

  std::string both = "ld.so-1.7.0";
  both += '\0';
  const std::uint32_t one = 1;
  both.append(reinterpret_cast<const char*>(&one), 4);
  both.append(12, '\0');
  both.resize((both.size() + 7) / 8 * 8);
  CHECK(paths_in_cache(Bytes(both + cache), "liba.so.10") == List{"/usr/lib/liba.so.10"});
}

TEST_CASE("a damaged cache is no cache") {
  const std::string cache = cache_of({{"liba.so.1", "/usr/lib/liba.so.1", kind}, {"libb.so.1", "/usr/lib/libb.so.1", kind}});
  for (std::size_t length = 0; length < cache.size(); ++length) {
    const std::vector<std::byte> cut(reinterpret_cast<const std::byte*>(cache.data()),
                                     reinterpret_cast<const std::byte*>(cache.data()) + length);
    const List found = paths_in_cache(Bytes(std::span<const std::byte>(cut)), "libb.so.1");
    CHECK(found == List{});
  }
  std::string lying = cache;
  put(lying, 20, std::uint32_t{0xffffffffu});
  CHECK(paths_in_cache(Bytes(lying), "liba.so.1").size() == 1);
  put(lying, 48 + 4, std::uint32_t{0xfffffff0u});
  CHECK(paths_in_cache(Bytes(lying), "liba.so.1") == List{});
  std::string big_endian = cache;
  big_endian[28] = 3;
  CHECK(paths_in_cache(Bytes(big_endian), "liba.so.1") == List{});
}

TEST_CASE("every library this machine's cache names is found") {
  const auto cache = read_text_file("/etc/ld.so.cache", 1u << 26u);
  SKIP_UNLESS(cache, "this machine has no /etc/ld.so.cache and uses the default directories");
  CHECK_FALSE(paths_in_cache(Bytes(*cache), "libc.so.6").empty());
}
