#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.hpp"
#include "base/text.hpp"
#include "key_table.hpp"
#include "layers.hpp"
#include "settings.hpp"
#include "tree_check.hpp"

namespace tenon::host::config_room {
namespace {

constexpr std::size_t max_file = 1024 * 1024;
constexpr std::size_t max_directory = 1000;

Where whole(const std::string& name) { return {std::make_shared<const Source>(Source{name, {}}), 0, 0, 1}; }

bool is_absent(int err) { return err == ENOENT || err == ENOTDIR; }

ExitCode exit_of(const Error& error) {
  if (is_absent(error.sys_errno)) return ExitCode::no_input;
  if (error.sys_errno == EACCES || error.sys_errno == EPERM) return ExitCode::no_permission;
  return error.exit;
}

bool says_local(const Value& tree) {
  const Value* instance = tree.find("instance");
  const Value* environment = instance != nullptr ? instance->find("environment") : nullptr;
  const std::string* text = environment != nullptr ? environment->as_string() : nullptr;
  return text != nullptr && *text == "local";
}

// `may_be_absent`: nobody asked for this file by name.
void read_one(const ConfigInput& input, const std::string& path, bool first, bool may_be_absent, Gathered& gathered,
              Diagnostics& diagnostics) {
  Result<std::string> text = path.find('\0') == std::string::npos
                                 ? read_text_file(begun_at(input.directory, path), max_file)
                                 : Error{Code::invalid_argument, "the name of the file contains a NUL character", {}, 0, ExitCode::config};
  if (!text) {
    const Error& error = text.error();
    const bool absent = is_absent(error.sys_errno);
    if (absent && may_be_absent) return;
    diagnostics
        .error(absent ? "config.file_missing" : "config.file_unreadable", whole(path),
               absent ? "the configuration file does not exist" : error.message,
               absent ? "create it, or leave out `--config` to use the defaults" : "")
        .exit = exit_of(error);
    return;
  }
  Diagnostics found;
  std::optional<Value> tree = parse_masked(path, std::move(*text), false, found);
  if (tree) {
    check_tree(*tree, key_tree(), "", found);
    gathered.sources.emplace(tree->where().source ? tree->where().source : whole(path).source, Layer::file);
    if (SourceRef shown = without_module_values(*tree)) gathered.excerpts.emplace(tree->source(), std::move(shown));
    const bool local = first && says_local(*tree);
    gathered.settings.push_back({{}, std::move(*tree), local, first});
  }
  append_limited(diagnostics, std::move(found), whole(path));
}

std::vector<std::string> list_directory(const ConfigInput& input, const std::string& shown, Diagnostics& diagnostics) {
  const std::string path = begun_at(input.directory, shown);
  std::vector<std::string> out;
  if (path.find('\0') != std::string::npos) return out;  // said of the file already
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) {
    const int reason = errno;
    if (reason != ENOENT && !(reason == ENOTDIR && ::access(path.c_str(), F_OK) != 0)) {
      const Error error = Error::system(reason, "cannot list the directory");
      diagnostics.error("config.file_unreadable", whole(shown), error.message).exit = exit_of(error);
    }
    return out;
  }
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name[0] == '.' || !name.ends_with(".yaml")) continue;
    out.emplace_back(name);
  }
  ::closedir(directory);
  std::sort(out.begin(), out.end());
  if (out.size() > max_directory) {
    diagnostics.error("config.bounds", whole(shown), "there are more than " + std::to_string(max_directory) + " files in it");
    out.clear();
  }
  return out;
}

}  // namespace

void gather_files(const ConfigInput& input, Gathered& gathered, Diagnostics& diagnostics) {
  bool first = true;
  for (const std::string& path : input.files) {
    read_one(input, path, first, !input.files_given, gathered, diagnostics);
    first = false;
    for (const std::string& name : list_directory(input, path + ".d", diagnostics))
      read_one(input, path + ".d/" + name, false, false, gathered, diagnostics);
  }
}

}  // namespace tenon::host::config_room
