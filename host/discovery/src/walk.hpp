// Resolving a path one component at a time, so that each can be looked at and none can be exchanged in between.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.hpp"
#include "base/result.hpp"

namespace tenon::host {

/// Called for every directory and symbolic link on the way, the last directory included (not for the file at the end). An Error ends the walk.
using LookAt = std::function<std::optional<Error>(const struct stat& status, const std::string& path)>;

struct Walked {
  std::string path;  ///< absolute, without links, "." and ".."
  bool is_directory = false;
  UniqueFd directory;  ///< O_PATH: the directory itself, or the one that holds the file
  std::string leaf;    ///< the file's name in it; empty for a directory
};

/// Resolves `path` (made absolute with the working directory) from "/". Errors: not_found, failed_precondition (a component is no directory, too many
/// links), those of `look_at` and of the system.
Result<Walked> walk_from_top(const std::string& path, const LookAt& look_at);

/// Resolves `name` below the directory `base`, whose own path is `base_path`. A way out of it, by "..", by a link or by an absolute path, is
/// permission_denied with reason ESCAPES.
Result<Walked> walk_beneath(int base, const std::string& base_path, std::string_view name, const LookAt& look_at);

/// "/a" + "b" -> "/a/b"; "/" + "b" -> "/b".
std::string join_path(std::string_view directory, std::string_view name);

}  // namespace tenon::host
