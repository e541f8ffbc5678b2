// Semantic versions (semver.org 2.0.0) and the ranges of `requires`.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace tenon::host {

/// MAJOR.MINOR.PATCH[-prerelease][+build]. Ordering is semver precedence: build metadata does not count.
class Version {
 public:
  Version() = default;
  static Result<Version> parse(std::string_view text);  ///< strict semver, at most 255 bytes, numbers fit 64 bits
  [[nodiscard]] std::string str() const;
  std::uint64_t major = 0, minor = 0, patch = 0;
  std::string prerelease, build;
  friend std::strong_ordering operator<=>(const Version& a, const Version& b);
  friend bool operator==(const Version& a, const Version& b) { return (a <=> b) == 0; }
};

/// A conjunction of comparisons: ">=1.2 <2", "= 1.4.2", "1.4" (a bare version means "="; missing parts of "=1.2" match any, missing parts
/// of other operators count as 0, of ">" and "<=" so that the whole prefix is meant: ">1.2" = ">=1.3.0"). Empty = any version. A
/// prerelease is compared by semver precedence and not treated specially. At most 16 comparisons.
class VersionRange {
 public:
  VersionRange() = default;
  static Result<VersionRange> parse(std::string_view text);  ///< error messages quote the offending comparison
  [[nodiscard]] bool contains(const Version& v) const;
  [[nodiscard]] const std::string& str() const { return text_; }  ///< as written; "" = any
  /// Made of the same comparisons, however they are ordered, spaced or repeated (">=1.0 <2" == "<2.0.0 >=1").
  friend bool operator==(const VersionRange& a, const VersionRange& b);

 private:
  enum class Op : std::uint8_t { gt, ge, lt, le, eq };
  struct Comparison {
    Op op;
    Version version;
  };
  void add(std::string_view op, Version version, int parts);
  std::vector<Comparison> all_;  ///< sorted, without duplicates, prefixes written out
  std::string text_;
};

}  // namespace tenon::host
