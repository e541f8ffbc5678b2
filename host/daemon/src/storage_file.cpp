#include "storage_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "base/text.hpp"
#include "kernel/storage_backend.hpp"
#include "kernel/storage_file.hpp"

namespace tenon::host {
namespace {

constexpr std::string_view scheme = "sqlite:";

/// Empty if the url is none this host serves. What else the host keeps in the state directory has names that a store must not have.
std::string file_of(std::string_view url) {
  if (!url.starts_with(scheme)) return {};
  const std::string_view name = url.substr(scheme.size());
  const bool plain =
      name.size() <= 200 && !name.starts_with('.') && name.ends_with(".db") && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
      });
  return plain ? std::string(name) : std::string();
}

}  // namespace

bool needs_storage(const Plan& plan) {
  return std::any_of(plan.modules.begin(), plan.modules.begin() + static_cast<std::ptrdiff_t>(plan.planned), [](const PlannedModule& p) {
    return p.candidate.manifest && std::any_of(p.candidate.manifest->needs.begin(), p.candidate.manifest->needs.end(),
                                               [](const auto& need) { return need.id == "tenon.storage/1" || need.id == "tenon.state/1"; });
  });
}

bool serves_storage_url(const Config& config) { return !file_of(config.host.storage_url).empty(); }

void check_storage_url(const Config& config, Plan& plan) {
  if (!needs_storage(plan) || serves_storage_url(config)) return;
  Diagnostic& d = plan.diagnostics.error(
      "storage.url", config.host.storage_url_where,
      config.host.storage_url.starts_with(scheme)
          ? "`storage.url` names no file this host can keep a store in: a plain name ending in `.db` is expected, without directories"
          : "`storage.url` names a database this host cannot keep a store in: it serves `sqlite:` only",
      "write `sqlite:kernel.db`, or leave it out");
  d.path = "storage.url";
  d.exit = ExitCode::config;
  plan.diagnostics.sort();
  plan.exit = worse(plan.exit, ExitCode::config);
}

Result<void> look_at_storage(const Config& config, std::uint32_t owner) {
  char resolved[PATH_MAX];
  if (::realpath(config.host.state_dir.c_str(), resolved) == nullptr) return {};  // it would be made
  // Whoever holds the directory may be about to write to the store.
  if (const Result<std::int64_t> holder = state_dir_holder(resolved); !holder || *holder != 0) return {};
  const UniqueFd directory(::open(resolved, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return {};
  SqliteOptions options;
  options.name = file_of(config.host.storage_url);
  options.directory = directory.get();
  options.shown = std::string(resolved) + "/" + options.name;
  return look_at_store(options, owner);
}

Result<void> open_storage(Kernel& kernel, const Config& config, const StateDir& state, UniqueFd& directory) {
  SqliteOptions options;
  options.name = file_of(config.host.storage_url);
  if (options.name.empty()) return Error{Code::failed_precondition, "`storage.url` is not served", "STORAGE_URL", 0, ExitCode::config};
  directory.reset(::fcntl(state.fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!directory) return Error::system(errno, "cannot keep the state directory open");
  options.directory = directory.get();
  options.shown = state.path + "/" + options.name;
  return kernel.open_storage(sqlite_storage_backend(std::move(options)));
}

}  // namespace tenon::host
