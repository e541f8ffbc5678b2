#include "markers.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <sstream>

#include "base/file.hpp"
#include "base/text.hpp"

namespace tenon::host {

std::vector<LoadMarker> read_load_markers(const std::string& state_dir) {
  std::vector<LoadMarker> out;
  const auto text = read_text_file(state_dir + "/" + load_marker_name, 1024 * 1024);
  if (!text) return out;
  std::istringstream lines(*text);
  for (std::string digest, module; lines >> digest >> module;)
    if (digest.size() == 64 && is_module_name(module)) out.push_back({digest, module});
  return out;
}

void write_load_marker(int state_dir, const std::string& module, const Digest& digest) {
  const UniqueFd fd(::openat(state_dir, load_marker_name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return;
  const std::string line = to_hex(digest) + " " + module + "\n";
  if (::write(fd.get(), line.data(), line.size()) < 0) return;
}

}  // namespace tenon::host
