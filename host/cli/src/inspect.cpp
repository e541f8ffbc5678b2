#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "daemon/journal.hpp"
#include "elf/elf_render.hpp"
#include "elf/elf_report.hpp"
#include "elf/needed_libraries.hpp"
#include "manifest/manifest.hpp"
#include "tenon/core.h"

namespace tenon::host {
namespace {

constexpr std::size_t max_module_bytes = 256ULL * 1024 * 1024;

std::string directory_of(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path real = std::filesystem::canonical(path, failed);
  return failed ? std::string() : real.parent_path().string();
}

bool is_runtime_module(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path runtime = std::filesystem::canonical(runtime_directory(own_executable()), failed);
  return !failed && directory_of(path) == runtime.string();
}

/// True if it is wrong wherever the module is installed: what other modules are there, and what the operator configures, is not known here.
bool is_own_fault(const Diagnostic& d) {
  if (d.code.starts_with("schema.")) return true;
  if (d.code.starts_with("config.")) return d.code != "config.required";  // the operator may give it
  for (const std::string_view code : {"plan.unknown_interface", "plan.runtime_only_interface", "plan.unserved_capability",
                                      "plan.runtime_only_capability", "plan.reserved_name", "plan.not_in_table", "plan.foreign_prefix",
                                      "graph.self_requirement", "graph.self_after", "graph.requires_plugin"})
    if (d.code == code) return true;
  return false;
}

/// One manifest per module: the others are refused, as discovery does.
void keep_first_of_each(std::vector<std::shared_ptr<const Manifest>>& manifests, const std::string& path, Diagnostics& diagnostics) {
  std::map<std::string_view, std::size_t> counts;
  std::vector<std::shared_ptr<const Manifest>> first;
  for (const std::shared_ptr<const Manifest>& manifest : manifests)
    if (++counts[manifest->name] == 1) first.push_back(manifest);
  for (const auto& [name, count] : counts)
    if (count > 1) refuse_second_note(name, count, {std::make_shared<const Source>(Source{path, {}})}, diagnostics);
  manifests = std::move(first);
}

/// What the plan of this host, with nothing but this file, says against its modules.
void check_against_host(std::vector<std::shared_ptr<const Manifest>> manifests, const std::string& path, Diagnostics& diagnostics) {
  Discovery found;
  for (std::shared_ptr<const Manifest>& manifest : manifests) {
    Candidate& candidate = found.candidates.emplace_back();
    candidate.name = manifest->name;
    candidate.origin = is_runtime_module(path) ? Origin::runtime : Origin::plugin;
    candidate.manifest_paths = {path};
    candidate.manifest = std::move(manifest);
  }
  Plan plan = make_plan(std::move(found), builtin_modules(), host_offer(), Config(), PlanOptions());
  for (Diagnostic& d : plan.diagnostics.items()) {
    if (d.code == "plan.key_without_effect") diagnostics.add(d);
    if (d.severity != Severity::error || !is_own_fault(d)) continue;
    // Nobody requires it here, so the plan would go on without it.
    const bool text = d.code.starts_with("schema.") || d.code.starts_with("config.");
    d.exit = text || d.code.starts_with("graph.") ? ExitCode::config : ExitCode::unavailable;
    diagnostics.add(std::move(d));
  }
}

}  // namespace

ExitCode run_inspect(const Options& options) {
  const std::string& path = options.arguments.front();
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) {
    const Error e = Error::system(errno, "cannot open `" + printable(path, 4096) + "`");
    return fail(options, "inspect.file", e.message, {}, e.code == Code::not_found ? ExitCode::no_input : ExitCode::no_permission);
  }
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode))
    return fail(options, "inspect.file", "`" + printable(path, 4096) + "` is not a regular file", {}, ExitCode::no_input);
  const Result<FileBytes> bytes = read_all(fd.get(), max_module_bytes, path);
  if (!bytes) return fail(options, "inspect.file", bytes.error().message, {}, bytes.error().exit);

  ElfReport report = read_elf(bytes->span());
  NeededLibraries libraries;
  check_needed_libraries(report, libraries);
  Diagnostics diagnostics;
  std::vector<std::shared_ptr<const Manifest>> manifests;
  for (const ElfManifest& m : report.manifests)
    if (auto manifest =
            read_manifest(std::make_shared<const Source>(Source{path + " (embedded manifest)", m.text}), TENON_SDK_VERSION, diagnostics))
      manifests.push_back(std::make_shared<const Manifest>(std::move(*manifest)));
  keep_first_of_each(manifests, path, diagnostics);
  for (const std::shared_ptr<const Manifest>& manifest : manifests) note_in_process(*manifest, diagnostics);
  check_against_host(std::move(manifests), path, diagnostics);
  const ExitCode exit = worse(report.refused() ? ExitCode::unavailable : ExitCode::ok, diagnostics.exit_code());
  if (options.json)
    return worse(exit, print("{\"format\":1,\"exit\":" + std::to_string(static_cast<int>(exit)) +
                             ",\"file\":" + elf_report_json(report, path) + ",\"manifest_findings\":" + to_json(diagnostics) +
                             (exit == ExitCode::ok ? ",\"accepted\":true" : ",\"accepted\":false") + "}\n"));
  static_cast<void>(write_all(STDERR_FILENO, for_stderr(diagnostics, use_colour())));
  return worse(exit, print(elf_report_text(report, path, diagnostics.has_errors())));
}

}  // namespace tenon::host
