#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "elf/elf_render.hpp"
#include "elf/elf_report.hpp"
#include "elf/needed_libraries.hpp"
#include "manifest/manifest.hpp"
#include "tenon/core.h"

namespace tenon::host {
namespace {

constexpr std::size_t max_module_bytes = 256ULL * 1024 * 1024;

ExitCode fail(const std::string& message, ExitCode exit) {
  static_cast<void>(write_all(STDERR_FILENO, "error: " + message + "\n"));
  return exit;
}

}  // namespace

ExitCode run_inspect(const Options& options) {
  const std::string& path = options.arguments.front();
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) {
    const Error e = Error::system(errno, "cannot open `" + printable(path, 4096) + "`");
    return fail(e.message, e.code == Code::not_found ? ExitCode::no_input : ExitCode::no_permission);
  }
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode))
    return fail("`" + printable(path, 4096) + "` is not a regular file", ExitCode::no_input);
  const Result<FileBytes> bytes = read_all(fd.get(), max_module_bytes, path);
  if (!bytes) return fail(bytes.error().message, bytes.error().exit);

  ElfReport report = read_elf(bytes->span());
  NeededLibraries libraries;
  check_needed_libraries(report, libraries);
  Diagnostics diagnostics;
  for (const ElfManifest& m : report.manifests)
    static_cast<void>(
        read_manifest(std::make_shared<const Source>(Source{path + " (embedded manifest)", m.text}), TENON_SDK_VERSION, diagnostics));
  const ExitCode exit = worse(report.refused() ? ExitCode::unavailable : ExitCode::ok, diagnostics.exit_code());
  if (options.json)
    return worse(exit, print("{\"format\":1,\"exit\":" + std::to_string(static_cast<int>(exit)) +
                             ",\"file\":" + elf_report_json(report, path) + ",\"manifest_findings\":" + to_json(diagnostics) + "}\n"));
  static_cast<void>(write_all(STDERR_FILENO, to_text(diagnostics, use_colour())));
  return worse(exit, print(elf_report_text(report, path)));
}

}  // namespace tenon::host
