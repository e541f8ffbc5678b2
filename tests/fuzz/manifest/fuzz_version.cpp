// Any bytes as a range, a line feed, and a version: both are read or refused, and what is read behaves.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "manifest/version.hpp"

using namespace tenon::host;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view range_text = text.substr(0, end), version_text = text.substr(std::min(end + 1, text.size()));
  const Result<Version> version = Version::parse(version_text);
  const Result<VersionRange> range = VersionRange::parse(range_text);
  if (!range) require(printable(range.error().message, SIZE_MAX) == range.error().message);
  if (!version) {
    require(printable(version.error().message, SIZE_MAX) == version.error().message);
    return 0;
  }
  require(version->str() == version_text);
  require(*version == *version);
  const Result<VersionRange> exactly = VersionRange::parse(version_text);
  require(exactly && exactly->contains(*version));
  const Result<VersionRange> less = VersionRange::parse("<" + version->str()), more = VersionRange::parse(">=" + version->str());
  require(less && more && !less->contains(*version) && more->contains(*version));
  if (!range) return 0;
  require(range->str() == range_text && *range == *range);
  // A conjunction holds exactly if both halves do.
  if (const Result<VersionRange> both = VersionRange::parse(std::string(range_text) + " >=" + version->str()); both)
    require(both->contains(*version) == range->contains(*version));
  return 0;
}
