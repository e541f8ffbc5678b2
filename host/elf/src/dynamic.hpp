// The dynamic table: what the loader reads of a library before anything else.
#pragma once

#include <elf.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bytes.hpp"
#include "findings.hpp"
#include "image.hpp"

namespace tenon::host {

/// Entries up to DT_NULL. Of a tag that stands twice the last counts, as for the loader.
class DynamicTable {
 public:
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] bool has(std::int64_t tag) const { return find(tag).has_value(); }
  [[nodiscard]] std::optional<std::uint64_t> find(std::int64_t tag) const;
  [[nodiscard]] std::uint64_t get(std::int64_t tag, std::uint64_t otherwise = 0) const { return find(tag).value_or(otherwise); }
  [[nodiscard]] const std::vector<Elf64_Dyn>& entries() const { return entries_; }

  /// The name at `offset` of the string table; nullopt if it is not there or longer than max_name.
  static constexpr std::size_t max_name = 4096;
  [[nodiscard]] std::optional<std::string_view> name(std::uint64_t offset) const;
  [[nodiscard]] Bytes strings() const { return strings_; }

  /// Appends the entries of `table`; false if they do not end with DT_NULL or are too many.
  bool parse(Bytes table);
  void set_strings(Bytes strings) { strings_ = strings; }

 private:
  std::vector<Elf64_Dyn> entries_;
  Bytes strings_;
};

/// Finds the table through PT_DYNAMIC (section headers may be stripped) and checks what the loader takes for granted.
DynamicTable read_dynamic(Bytes file, const Segments& segments, GateFindings& findings);

}  // namespace tenon::host
