// Directories in, candidates out.
#include <sys/wait.h>

#include <algorithm>

#include "directory.hpp"
#include "skip.hpp"

using namespace tenon::host;
using List = std::vector<std::string>;

namespace {

/// runtime/, plugins/ and manifests/ in one place.
struct Tree : Directory {
  Tree() {
    make("runtime");
    make("plugins");
    make("manifests");
  }
  [[nodiscard]] DiscoveryOptions options() const {
    DiscoveryOptions o;
    o.runtime_dir = path("runtime");
    o.plugin_dirs = {path("plugins")};
    o.manifest_dirs = {path("manifests")};
    return o;
  }
  [[nodiscard]] Discovery run() const { return discover(options()); }
};

List names(const Discovery& found) {
  List list;
  for (const Candidate& c : found.candidates) list.push_back(c.name);
  return list;
}

std::string manifest_of(const std::string& name, const std::string& more = {}) {
  return "manifest: 1\nsdk: \"1.0\"\nname: " + name + "\nversion: 1.0.0\n" + more;
}

}  // namespace

TEST_CASE("nothing anywhere") {
  const Tree tree;
  const Discovery found = tree.run();
  CHECK(found.candidates.empty());
  CHECK(codes(found.diagnostics) == List{});
}

TEST_CASE("a dropped library with a note is a candidate") {
  const Tree tree;
  tree.library("elf_good.so", "plugins/libwhatever.so");
  const Discovery found = tree.run();
  REQUIRE(names(found) == List{"elf_good"});
  const Candidate& c = found.candidates[0];
  CHECK(c.origin == Origin::plugin);
  CHECK_FALSE(c.refused());
  CHECK(codes(c.diagnostics) == List{});
  REQUIRE(c.manifest != nullptr);
  CHECK(c.manifest->version.str() == "1.0.0");
  CHECK(c.manifest_paths == List{tree.path("plugins/libwhatever.so") + " (embedded manifest)"});
  REQUIRE(c.file);
  CHECK(c.file->path == tree.path("plugins/libwhatever.so"));
  CHECK(c.file->digest != Digest{});
}

TEST_CASE("what lies in the runtime directory is a RuntimeModule") {
  const Tree tree;
  tree.library("elf_good.so", "runtime/a.so");
  tree.library("elf_two.so", "plugins/b.so");
  const Discovery found = tree.run();
  REQUIRE(names(found) == List{"elf_good", "elf_second", "elf_two"});
  CHECK(found.candidates[0].origin == Origin::runtime);
  CHECK(found.candidates[1].origin == Origin::plugin);
}

TEST_CASE("a file with two notes gives two candidates with one file") {
  const Tree tree;
  tree.library("elf_two.so", "plugins/b.so");
  const Discovery found = tree.run();
  REQUIRE(names(found) == List{"elf_second", "elf_two"});
  CHECK(found.candidates[0].file->digest == found.candidates[1].file->digest);
  CHECK(found.candidates[0].file->inode == found.candidates[1].file->inode);
  CHECK_FALSE(found.candidates[0].refused());
  CHECK_FALSE(found.candidates[1].refused());
}

TEST_CASE("only *.so, *.yaml and *.yml directly inside are scanned") {
  const Tree tree;
  tree.make("plugins/sub");
  for (const char* name : {"sub/a.so", ".a.so", "a.so.1", "a.so~", "a.so.swp", "#a.so#", "so", "a.so.dpkg-new"})
    tree.library("elf_good.so", std::string("plugins/") + name);
  for (const char* name : {"sub/a.yaml", ".a.yaml", "a.yaml~", "a.json", "a.yaml.bak"})
    tree.write(std::string("plugins/") + name, manifest_of("x", "library: a\n"));
  tree.library("elf_two.so", "manifests/b.so");
  CHECK(names(tree.run()) == List{});
  tree.write("plugins/c.yml", manifest_of("c", "library: a.so.1\n"));
  CHECK(names(tree.run()) == List{"elf_good"});
}

TEST_CASE("a library without a manifest says how to give it one") {
  const Tree tree;
  tree.library("elf_bare.so", "plugins/libx.so");
  const Discovery found = tree.run();
  REQUIRE(names(found) == List{"libx.so"});
  const Candidate& c = found.candidates[0];
  CHECK(c.refused());
  CHECK(c.manifest == nullptr);
  REQUIRE(codes(c.diagnostics) == List{"error discovery.no_manifest"});
  const Diagnostic& d = c.diagnostics.items()[0];
  CHECK(contains(d.help, "tenon_add_module(... MANIFEST x.yaml)"));
  CHECK(d.exit == ExitCode::unavailable);
  CHECK(d.module == "libx.so");
  CHECK(d.where.source->name == tree.path("plugins/libx.so"));
}

TEST_CASE("the gate's findings are the candidate's") {
  const Tree tree;
  tree.library("elf_rpath.so", "plugins/a.so");
  tree.library("elf_unique.so", "plugins/b.so");
  tree.library("elf_text.so", "plugins/c.so");
  tree.library("elf_missing_library.so", "plugins/d.so");
  const Discovery found = tree.run();
  REQUIRE(names(found) == List{"c.so", "elf_missing_library", "elf_rpath", "elf_unique"});
  CHECK(codes(found.candidates[0].diagnostics) == List{"error elf.not_elf"});  // and not that it has no manifest
  CHECK(codes(found.candidates[1].diagnostics) == List{"error elf.missing_library"});
  CHECK(codes(found.candidates[2].diagnostics) == List{"error elf.rpath"});
  CHECK(codes(found.candidates[3].diagnostics) == List{"note elf.unique_symbols"});
  CHECK(found.candidates[2].refused());
  CHECK_FALSE(found.candidates[3].refused());
  CHECK(found.candidates[2].elf.size() == 1);
  CHECK(found.candidates[2].diagnostics.items()[0].module == "elf_rpath");
}

TEST_CASE("absent directories are notes") {
  const Tree tree;
  tree.library("elf_good.so", "plugins/a.so");
  DiscoveryOptions options = tree.options();
  options.plugin_dirs.insert(options.plugin_dirs.begin(), tree.path("none"));
  options.manifest_dirs = {tree.path("none_either")};
  options.runtime_dir = tree.path("no_runtime");
  const Discovery found = discover(options);
  CHECK(names(found) == List{"elf_good"});
  CHECK(codes(found.diagnostics) ==
        List{"note discovery.absent_directory", "note discovery.absent_directory", "note discovery.absent_directory"});
  CHECK_FALSE(found.diagnostics.has_errors());
}

TEST_CASE("an unsafe directory is an error of the host and nothing in it is used") {
  for (const char* name : {"plugins", "runtime", "manifests"}) {
    const Tree tree;
    tree.library("elf_good.so", std::string(name) + "/a.so");
    tree.mode(name, 0777);
    const Discovery found = tree.run();
    CHECK(found.candidates.empty());
    REQUIRE(codes(found.diagnostics) == List{"error discovery.unsafe_directory"});
    CHECK(found.diagnostics.exit_code() == ExitCode::no_permission);
    CHECK(contains(found.diagnostics.items()[0].message, "chmod o-w " + tree.path(name)));
  }
}

TEST_CASE("a file where a directory should be") {
  const Tree tree;
  tree.write("file", "x");
  DiscoveryOptions options = tree.options();
  options.plugin_dirs = {tree.path("file")};
  const Discovery found = discover(options);
  REQUIRE(codes(found.diagnostics) == List{"error discovery.directory"});
  CHECK(found.diagnostics.exit_code() == ExitCode::config);
}

TEST_CASE("an unsafe file refuses its candidate only") {
  const Tree tree;
  tree.library("elf_good.so", "plugins/a.so");
  tree.library("elf_two.so", "plugins/b.so");
  tree.write("manifests/c.yaml", manifest_of("c", "library: a.so\n"));
  tree.mode("plugins/b.so", 0777);
  tree.mode("manifests/c.yaml", 0666);
  const Discovery found = tree.run();
  REQUIRE(names(found) == List{"b.so", "c.yaml", "elf_good"});
  for (unsigned i = 0; i < 2; ++i) {
    const Candidate& c = found.candidates[i];
    CHECK(codes(c.diagnostics) == List{"error discovery.unsafe_file"});
    CHECK(c.manifest == nullptr);
    CHECK_FALSE(c.file);
  }
  CHECK_FALSE(found.candidates[2].refused());
  CHECK_FALSE(found.diagnostics.has_errors());
}

TEST_CASE("an unsafe library named by a manifest is refused under the manifest's name") {
  const Tree tree;
  tree.library("elf_bare.so", "plugins/b.so");
  tree.mode("plugins/b.so", 0777);
  tree.write("manifests/orders.yaml", manifest_of("orders", "library: b.so\n"));
  const Discovery found = tree.run();
  REQUIRE(names(found) == List{"orders"});
  CHECK(codes(found.candidates[0].diagnostics) == List{"error discovery.unsafe_file"});
  CHECK(found.candidates[0].manifest != nullptr);
}

TEST_CASE("links that leave the directory, FIFOs and directories are refused, hard links are noted") {
  const Tree tree;
  tree.library("elf_good.so", "outside.so");
  tree.link("../outside.so", "plugins/a.so");
  REQUIRE(::mkfifo(tree.path("plugins/b.so").c_str(), 0644) == 0);
  REQUIRE(::mkfifo(tree.path("plugins/b.yaml").c_str(), 0644) == 0);
  tree.make("plugins/c.so");
  tree.link("nothing.so", "plugins/d.so");
  tree.library("elf_two.so", "plugins/e.so");
  REQUIRE(::link(tree.path("plugins/e.so").c_str(), tree.path("elsewhere").c_str()) == 0);
  const Discovery found = tree.run();
  REQUIRE(names(found) == List{"a.so", "b.so", "b.yaml", "c.so", "d.so", "elf_second", "elf_two"});
  CHECK(codes(found.candidates[0].diagnostics) == List{"error discovery.unsafe_file"});
  CHECK(contains(found.candidates[0].diagnostics.items()[0].message, "leads out of it by `..`"));
  for (unsigned i = 1; i < 5; ++i) CHECK(codes(found.candidates[i].diagnostics) == List{"error discovery.file"});
  CHECK(codes(found.candidates[6].diagnostics) == List{"note discovery.hard_links"});
  CHECK_FALSE(found.candidates[6].refused());
}

TEST_CASE("a link inside the directory and its target are one library") {
  const Tree tree;
  tree.make("plugins/versions");
  tree.library("elf_good.so", "plugins/versions/liba.so.1");
  tree.link("versions/liba.so.1", "plugins/liba.so");
  tree.link("liba.so", "plugins/same.so");
  const Discovery found = tree.run();
  REQUIRE(names(found) == List{"elf_good"});
  CHECK(found.candidates[0].file->path == tree.path("plugins/versions/liba.so.1"));
  CHECK(found.candidates[0].manifest_paths.size() == 1);
}

TEST_CASE("hard links of one file are one library, with the first path") {
  const Tree tree;
  tree.library("elf_good.so", "plugins/z.so");
  REQUIRE(::link(tree.path("plugins/z.so").c_str(), tree.path("plugins/a.so").c_str()) == 0);
  const Discovery found = tree.run();
  REQUIRE(names(found) == List{"elf_good"});
  CHECK(found.candidates[0].file->path == tree.path("plugins/a.so"));
  CHECK(codes(found.candidates[0].diagnostics) == List{"note discovery.hard_links"});
}

TEST_CASE("two files that claim one name stay two candidates") {
  const Tree tree;
  tree.library("elf_good.so", "plugins/a.so");
  tree.library("elf_good.so", "plugins/b.so");
  const Discovery found = tree.run();
  REQUIRE(names(found) == List{"elf_good", "elf_good"});
  CHECK(found.candidates[0].file->path == tree.path("plugins/a.so"));
  CHECK(found.candidates[1].file->path == tree.path("plugins/b.so"));
}

TEST_CASE("a directory given twice counts once") {
  const Tree tree;
  tree.library("elf_good.so", "plugins/a.so");
  tree.write("plugins/b.yaml", manifest_of("b", "library: nothing.so\n"));
  tree.link("plugins", "alias");
  DiscoveryOptions options = tree.options();
  options.plugin_dirs = {tree.path("plugins"), tree.path("alias"), tree.path("plugins/")};
  options.manifest_dirs = {tree.path("plugins")};
  CHECK(names(discover(options)) == List{"b", "elf_good"});
}

TEST_CASE("the runtime directory cannot be a plugin directory too") {
  const Tree tree;
  tree.library("elf_good.so", "runtime/a.so");
  DiscoveryOptions options = tree.options();
  options.plugin_dirs = {tree.path("runtime")};
  const Discovery found = discover(options);
  REQUIRE(names(found) == List{"elf_good"});
  CHECK(found.candidates[0].origin == Origin::runtime);
  CHECK(codes(found.diagnostics) == List{"warning discovery.runtime_directory"});
}

TEST_CASE("safe mode lists plugins without hashing, RuntimeModules are complete") {
  const Tree tree;
  tree.library("elf_good.so", "runtime/a.so");
  tree.library("elf_two.so", "plugins/b.so");
  DiscoveryOptions options = tree.options();
  options.skip_plugins = true;
  const Discovery found = discover(options);
  REQUIRE(names(found) == List{"elf_good", "elf_second", "elf_two"});
  CHECK(found.candidates[0].file->digest != Digest{});
  CHECK(found.candidates[1].file->digest == Digest{});
  CHECK(found.candidates[1].manifest != nullptr);
}

TEST_CASE("the result does not depend on threads or on the order of the directory") {
  const auto summary = [](const Discovery& found, const std::string& base) {
    std::string text;
    for (const Candidate& c : found.candidates) {
      text += c.name + "|" + (c.file ? c.file->path.substr(base.size()) : "-");
      for (const std::string& p : c.manifest_paths) text += "|" + p.substr(base.size());
      text += "\n" + to_text(c.diagnostics);
    }
    for (std::size_t at = text.find(base); at != std::string::npos; at = text.find(base)) text.erase(at, base.size());
    return text;
  };
  const List fixtures = {"elf_good.so", "elf_two.so", "elf_rpath.so", "elf_bare.so", "elf_text.so", "elf_abi2.so"};
  std::string expected;
  for (unsigned round = 0; round < 6; ++round) {
    const Tree tree;
    List files;
    for (unsigned i = 0; i < 30; ++i) files.push_back(std::to_string(i));
    std::rotate(files.begin(), files.begin() + round * 5, files.end());
    if (round % 2 != 0) std::reverse(files.begin(), files.end());
    for (const std::string& file : files) {
      tree.library(fixtures[static_cast<std::size_t>(std::stoi(file)) % fixtures.size()], "plugins/lib" + file + ".so");
      tree.write("manifests/m" + file + ".yaml",
                 manifest_of("m_" + std::string(1, static_cast<char>('a' + std::stoi(file) % 26)), "library: no" + file + ".so\n"));
    }
    DiscoveryOptions options = tree.options();
    options.threads = round;
    const std::string text = summary(discover(options), tree.path());
    if (round == 0) expected = text;
    CHECK(text == expected);
  }
  CHECK(expected.size() > 1000);
}

TEST_CASE("a user's clone with umask 002 is read by that user and refused by root") {
  SKIP_UNLESS(::geteuid() == 0, "it takes root to be two users");
  const Tree tree;
  tree.library("elf_good.so", "plugins/a.so");
  for (const char* name : {"", "runtime", "plugins", "manifests", "plugins/a.so"}) {
    REQUIRE(::chown(tree.path(name).c_str(), 61001, 61001) == 0);
    tree.mode(name, 0775);
  }
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::setresgid(61001, 61001, 61001) != 0 || ::setresuid(61001, 61001, 61001) != 0) ::_exit(2);
    const Discovery found = discover(tree.options());
    ::_exit(found.candidates.size() == 1 && !found.candidates[0].refused() && !found.diagnostics.has_errors() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);

  Discovery found = tree.run();
  CHECK(found.diagnostics.exit_code() == ExitCode::no_permission);
  DiscoveryOptions options = tree.options();
  options.owners = TrustedOwners{0, 0, true, 61001};  // root started the user's own build
  found = discover(options);
  REQUIRE(found.diagnostics.has_errors());
  CHECK(contains(found.diagnostics.items()[0].message, "run `chmod g-w " + tree.path() + "`"));
  for (const char* name : {"", "runtime", "plugins", "manifests", "plugins/a.so"}) tree.mode(name, 0755);
  found = discover(options);
  CHECK_FALSE(found.diagnostics.has_errors());
  CHECK(names(found) == List{"elf_good"});
}
