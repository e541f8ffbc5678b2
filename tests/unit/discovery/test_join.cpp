// Manifests and libraries find each other, and must agree.
#include "directory.hpp"

using namespace tenon::host;
using List = std::vector<std::string>;

namespace {

struct Tree : Directory {
  Tree() {
    make("runtime");
    make("plugins");
    make("more");
    make("manifests");
  }
  [[nodiscard]] Discovery run() const {
    DiscoveryOptions o;
    o.runtime_dir = path("runtime");
    o.plugin_dirs = {path("plugins"), path("more")};
    o.manifest_dirs = {path("manifests")};
    return discover(o);
  }
  /// The only candidate.
  [[nodiscard]] Candidate one() const {
    Discovery found = run();
    REQUIRE(found.candidates.size() == 1);
    return std::move(found.candidates[0]);
  }
};

/// What stands in the note of elf_<name>.so.
std::string note_of(const std::string& name) {
  return "manifest: 1\nsdk: \"1.0\"\nname: " + name + "\nversion: 1.0.0\ndescription: Fixture of the ELF gate\n";
}

}  // namespace

TEST_CASE("a library without a note takes its manifest from outside") {
  const Tree tree;
  tree.library("elf_bare.so", "plugins/libx.so");
  SUBCASE("beside it") { tree.write("plugins/x.yaml", note_of("orders") + "library: libx.so\n"); }
  SUBCASE("from the manifests directory, found in a plugin directory") {
    tree.write("manifests/x.yml", note_of("orders") + "library: libx.so\n");
  }
  SUBCASE("from another plugin directory") { tree.write("more/x.yaml", note_of("orders") + "library: libx.so\n"); }
  SUBCASE("by another spelling") { tree.write("plugins/x.yaml", note_of("orders") + "library: ./libx.so\n"); }
  const Candidate c = tree.one();
  CHECK(codes(c.diagnostics) == List{});
  CHECK(c.name == "orders");
  CHECK(c.manifest_paths.size() == 1);
  REQUIRE(c.file);
  CHECK(c.file->path == tree.path("plugins/libx.so"));
}

TEST_CASE("a library in a sub directory is found by its manifest") {
  const Tree tree;
  tree.make("plugins/lib");
  tree.library("elf_good.so", "plugins/lib/deep.bin");
  tree.write("plugins/x.yaml", note_of("elf_good") + "library: lib/deep.bin\n");
  tree.write("manifests/y.yaml", note_of("elf_good") + "library: lib/deep.bin\n");
  const Candidate c = tree.one();
  CHECK(codes(c.diagnostics) == List{});
  CHECK(c.file->path == tree.path("plugins/lib/deep.bin"));
  CHECK(c.manifest_paths ==
        List{tree.path("manifests/y.yaml"), tree.path("plugins/x.yaml"), tree.path("plugins/lib/deep.bin") + " (embedded manifest)"});
}

TEST_CASE("relative to the manifest comes first") {
  const Tree tree;
  tree.library("elf_bare.so", "plugins/libx.so");
  tree.library("elf_bare.so", "more/libx.so");
  tree.write("more/x.yaml", note_of("orders") + "library: libx.so\n");
  const Discovery found = tree.run();
  REQUIRE(found.candidates.size() == 2);
  CHECK(found.candidates[0].name == "libx.so");
  CHECK(found.candidates[0].file->path == tree.path("plugins/libx.so"));
  CHECK(found.candidates[1].name == "orders");
  CHECK(found.candidates[1].file->path == tree.path("more/libx.so"));
}

TEST_CASE("the same text outside and inside is one manifest") {
  const Tree tree;
  tree.library("elf_good.so", "plugins/a.so");
  tree.write("plugins/a.yaml", note_of("elf_good") + "library: a.so\n");
  const Candidate c = tree.one();
  CHECK(codes(c.diagnostics) == List{});
  CHECK(c.manifest_paths == List{tree.path("plugins/a.yaml"), tree.path("plugins/a.so") + " (embedded manifest)"});
  REQUIRE(c.manifest != nullptr);
  CHECK(c.manifest->source->name == tree.path("plugins/a.yaml"));  // what can be edited
}

TEST_CASE("descriptions may differ") {
  const Tree tree;
  tree.library("elf_good.so", "plugins/a.so");
  tree.write("manifests/a.yaml", "manifest: 1\nsdk: \"1.0\"\nname: elf_good\nversion: 1.0.0\ndescription: Another text\nlibrary: a.so\n");
  CHECK(codes(tree.one().diagnostics) == List{});
}

TEST_CASE("manifests that differ refuse the module, naming the field and both places") {
  const Tree tree;
  tree.library("elf_good.so", "plugins/a.so");
  tree.write("manifests/a.yaml", "manifest: 1\nsdk: \"1.0\"\nname: elf_good\nversion: 1.0.1\nlibrary: a.so\n");
  const Candidate c = tree.one();
  CHECK(c.name == "elf_good");
  CHECK(c.refused());
  REQUIRE(codes(c.diagnostics) == List{"error discovery.manifests_differ"});
  const std::string& message = c.diagnostics.items()[0].message;
  CHECK(message == "two manifests of one library differ in `version`: " + tree.path("manifests/a.yaml") + ":4:10 and " +
                       tree.path("plugins/a.so") + " (embedded manifest):4:10");
  CHECK(c.diagnostics.items()[0].exit == ExitCode::config);
}

TEST_CASE("a manifest outside cannot rename the module inside") {
  const Tree tree;
  tree.library("elf_good.so", "plugins/a.so");
  tree.write("manifests/a.yaml", "manifest: 1\nsdk: \"1.0\"\nname: orders\nversion: 1.0.0\nlibrary: a.so\n");
  const Candidate c = tree.one();
  CHECK(c.refused());
  REQUIRE(codes(c.diagnostics) == List{"error discovery.manifests_differ"});
  CHECK(contains(c.diagnostics.items()[0].message, "differ in `name`"));
}

TEST_CASE("of several modules in a library a file outside must be for one of them") {
  const Tree tree;
  tree.library("elf_two.so", "plugins/a.so");
  tree.write("manifests/a.yaml", note_of("elf_second") + "library: a.so\n");
  tree.write("manifests/b.yaml", note_of("elf_third") + "library: a.so\n");
  const Discovery found = tree.run();
  REQUIRE(found.candidates.size() == 3);
  CHECK(found.candidates[0].name == "elf_second");
  CHECK_FALSE(found.candidates[0].refused());
  CHECK(found.candidates[0].manifest_paths.size() == 2);
  CHECK(found.candidates[1].name == "elf_third");
  CHECK(codes(found.candidates[1].diagnostics) == List{"error discovery.not_in_library"});
  CHECK(found.candidates[2].name == "elf_two");
  CHECK_FALSE(found.candidates[2].refused());
}

TEST_CASE("several manifests outside for a library without notes are several modules") {
  const Tree tree;
  tree.library("elf_bare.so", "plugins/a.so");
  tree.write("plugins/a.yaml", note_of("first") + "library: a.so\n");
  tree.write("plugins/b.yaml", note_of("second") + "library: a.so\n");
  const Discovery found = tree.run();
  REQUIRE(found.candidates.size() == 2);
  CHECK_FALSE(found.candidates[0].refused());
  CHECK_FALSE(found.candidates[1].refused());
  CHECK(found.candidates[0].file->inode == found.candidates[1].file->inode);
}

TEST_CASE("a manifest whose library is missing names the places searched") {
  const Tree tree;
  tree.write("manifests/x.yaml", note_of("orders") + "library: liborders.so\n");
  const Candidate c = tree.one();
  CHECK(c.name == "orders");
  CHECK_FALSE(c.file);
  CHECK(c.manifest != nullptr);
  REQUIRE(codes(c.diagnostics) == List{"error discovery.library_missing"});
  const Diagnostic& d = c.diagnostics.items()[0];
  CHECK(d.message == "its library `liborders.so` is not there: looked for " + tree.path("manifests/liborders.so") + ", " +
                         tree.path("plugins/liborders.so") + ", " + tree.path("more/liborders.so"));
  CHECK(d.exit == ExitCode::unavailable);
  CHECK(d.where.source->name == tree.path("manifests/x.yaml"));
  CHECK(d.where.line == 6);
}

TEST_CASE("two manifests of one missing library are one candidate") {
  const Tree tree;
  tree.write("manifests/x.yaml", note_of("orders") + "library: liborders.so\n");
  tree.write("plugins/x.yaml", note_of("orders") + "library: liborders.so\n");
  const Candidate c = tree.one();
  CHECK(c.manifest_paths == List{tree.path("manifests/x.yaml"), tree.path("plugins/x.yaml")});
}

TEST_CASE("a manifest that does not say which library") {
  const Tree tree;
  tree.library("elf_bare.so", "plugins/a.so");
  tree.write("plugins/a.yaml", note_of("orders"));
  const Discovery found = tree.run();
  REQUIRE(found.candidates.size() == 2);
  CHECK(found.candidates[1].name == "orders");
  REQUIRE(codes(found.candidates[1].diagnostics) == List{"error discovery.library_missing"});
  CHECK(contains(found.candidates[1].diagnostics.items()[0].help, "add `library: liborders.so`"));
}

TEST_CASE("a link out of the directory is found and refused") {
  const Tree tree;
  tree.make("outside");
  tree.library("elf_bare.so", "outside/a.bin");
  tree.link(tree.path("outside/a.bin"), "plugins/a.bin");
  tree.write("plugins/a.yaml", note_of("orders") + "library: a.bin\n");
  const Candidate c = tree.one();
  CHECK(c.name == "orders");
  CHECK(codes(c.diagnostics) == List{"error discovery.unsafe_file"});
}

TEST_CASE("a broken manifest refuses the module it names, and its library") {
  const Tree tree;
  tree.library("elf_good.so", "plugins/a.so");
  tree.write("manifests/a.yaml", "manifest: 1\nsdk: \"1.0\"\nname: elf_good\nversion: 1.0.0\nlibrary: a.so\nsurprise: 1\n");
  const Candidate c = tree.one();
  CHECK(c.name == "elf_good");
  CHECK(c.refused());
  CHECK(c.manifest != nullptr);
  CHECK(codes(c.diagnostics) == List{"error manifest.unknown_key"});
}

TEST_CASE("a manifest that is no YAML stands under its file's name") {
  const Tree tree;
  tree.write("manifests/a.yaml", "name: [\n");
  const Candidate c = tree.one();
  CHECK(c.name == "a.yaml");
  CHECK(c.refused());
  CHECK(c.manifest == nullptr);
  CHECK(c.manifest_paths == List{tree.path("manifests/a.yaml")});
}

TEST_CASE("too large a manifest file") {
  const Tree tree;
  tree.write("manifests/a.yaml", std::string((1u << 20u) + 1, '#'));
  const Candidate c = tree.one();
  CHECK(codes(c.diagnostics) == List{"error discovery.file"});
}

TEST_CASE("manifests elsewhere say nothing about RuntimeModules") {
  const Tree tree;
  tree.library("elf_bare.so", "runtime/a.so");
  tree.write("manifests/a.yaml", note_of("orders") + "library: a.so\n");
  const Discovery found = tree.run();
  REQUIRE(found.candidates.size() == 2);
  CHECK(found.candidates[0].origin == Origin::runtime);
  CHECK(codes(found.candidates[0].diagnostics) == List{"error discovery.no_manifest"});
  CHECK(found.candidates[1].origin == Origin::plugin);
  CHECK(codes(found.candidates[1].diagnostics) == List{"error discovery.library_missing"});
}

TEST_CASE("a manifest in the runtime directory finds libraries there only") {
  const Tree tree;
  tree.library("elf_bare.so", "plugins/a.so");
  tree.write("runtime/a.yaml", note_of("orders") + "library: a.so\n");
  const Discovery found = tree.run();
  REQUIRE(found.candidates.size() == 2);
  CHECK(found.candidates[0].origin == Origin::runtime);
  CHECK(found.candidates[0].name == "orders");
  CHECK_FALSE(found.candidates[0].file);
}

TEST_CASE("two libraries with one text: the findings of each point to its own") {
  const Tree tree;
  tree.library("elf_good.so", "plugins/a.so");
  tree.library("elf_good.so", "plugins/b.so");
  const Discovery found = tree.run();
  REQUIRE(found.candidates.size() == 2);
  for (const Candidate& c : found.candidates) {
    REQUIRE(c.manifest != nullptr);
    CHECK(c.manifest->name == "elf_good");
    CHECK(c.manifest->name_where.source->name == c.file->path + " (embedded manifest)");
  }
}

TEST_CASE("a broken manifest says enough: neither its refused library nor the library it names are reported on top") {
  const Tree tree;
  SUBCASE("an absolute library") { tree.write("plugins/x.yaml", note_of("orders") + "library: /abs.so\n"); }
  SUBCASE("a library out of the directory") { tree.write("plugins/x.yaml", note_of("orders") + "library: ../abs.so\n"); }
  SUBCASE("a key that is wrong") {
    tree.library("elf_bare.so", "plugins/libx.so");
    tree.write("plugins/x.yaml", note_of("orders") + "library: libx.so\nnmae: 1\n");
  }
  SUBCASE("no YAML") {
    tree.library("elf_bare.so", "plugins/libx.so");
    tree.write("plugins/x.yaml", note_of("orders") + "library: \"libx.so\"  # beside it\nafter: [\n");
  }
  const Candidate c = tree.one();
  CHECK(c.name == "orders");
  CHECK(c.diagnostics.error_count() == 1);
  const std::string text = to_text(c.diagnostics);
  INFO(text);
  CHECK_FALSE(contains(text, "has no manifest"));
  CHECK_FALSE(contains(text, "looked for"));
}

TEST_CASE("a library that is written as a directory is refused for that alone") {
  for (const char* directory : {".", "./", "sub/", "sub/.", "./."}) {
    CAPTURE(directory);
    const Tree tree;
    tree.make("plugins/sub");
    tree.write("plugins/x.yaml", note_of("orders") + "library: " + directory + "\n");
    const Candidate c = tree.one();
    CHECK(codes(c.diagnostics) == List{"error manifest.bad_library"});
    CHECK(contains(to_text(c.diagnostics), "`library` names a directory, but must name a file"));
  }
}

TEST_CASE("a library that turns out to be a directory is to be corrected in the manifest, one that nobody names removed") {
  const Tree tree;
  tree.make("plugins/sub");
  tree.make("plugins/y.so");
  tree.write("plugins/x.yaml", note_of("orders") + "library: sub\n");
  const Discovery found = tree.run();
  REQUIRE(found.candidates.size() == 2);
  for (const Candidate& c : found.candidates) {
    REQUIRE(codes(c.diagnostics) == List{"error discovery.file"});
    const Diagnostic& d = c.diagnostics.items().front();
    CHECK(d.message.ends_with("is a directory, not a regular file"));
    CHECK(d.help ==
          (c.name == "orders" ? "`library` must name a file: correct it in " + tree.path("plugins/x.yaml") + ":6:10" : "remove it"));
  }
}

TEST_CASE("two notes of one module in a library are refused, whether they say the same or not") {
  const Tree tree;
  std::string bytes = *read_text_file(ELF_FIXTURES "/elf_twice.so", 64u << 20u);
  SUBCASE("the same text") {}
  SUBCASE("another description") { bytes.replace(bytes.rfind("Fixture of"), 10, "Texture of"); }
  SUBCASE("another version") { bytes.replace(bytes.rfind("version: 1.0.0"), 14, "version: 1.0.1"); }
  SUBCASE("and a file beside it") { tree.write("plugins/a.yaml", note_of("elf_twice") + "library: a.so\n"); }
  tree.write("plugins/a.so", bytes, 0755);
  const Candidate c = tree.one();
  CHECK(c.name == "elf_twice");
  REQUIRE(codes(c.diagnostics) == List{"error discovery.second_note"});
  CHECK(c.diagnostics.items()[0].message == "this library holds 2 manifests of the module `elf_twice`, one is allowed");
  CHECK(c.diagnostics.items()[0].where.source->name == tree.path("plugins/a.so"));
}

TEST_CASE("a manifest that is too large is not missing on top") {
  const Tree tree;
  tree.library("elf_note_too_large.so", "plugins/a.so");
  CHECK(codes(tree.one().diagnostics) == List{"error elf.manifest_too_large"});
}
