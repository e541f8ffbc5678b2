#include "versions.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace tenon::host {

namespace {

/// Entries of both kinds in one table. Real ones have some dozens; the bound keeps tables that refer to themselves linear.
constexpr std::size_t max_versions = 4096;

void raise(std::uint16_t& max_index, std::uint16_t index) { max_index = std::max<std::uint16_t>(max_index, index & 0x7fffu); }

}  // namespace

std::optional<std::vector<ElfVersionNeed>> walk_needs(Bytes table, std::uint64_t count, const DynamicTable& names,
                                                      std::uint16_t& max_index) {
  std::vector<ElfVersionNeed> needs;
  std::uint64_t at = 0;
  std::size_t budget = max_versions;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto need = table.at<Elf64_Verneed>(at);
    const auto library = need ? names.name(need->vn_file) : std::nullopt;
    if (!library || need->vn_version != VER_NEED_CURRENT || budget-- == 0) return std::nullopt;
    std::uint64_t aux_at = at + need->vn_aux;
    for (unsigned j = 0; j < need->vn_cnt; ++j) {
      const auto aux = table.at<Elf64_Vernaux>(aux_at);
      const auto version = aux ? names.name(aux->vna_name) : std::nullopt;
      if (!version || budget-- == 0) return std::nullopt;
      needs.push_back({std::string(*library), std::string(*version), (aux->vna_flags & VER_FLG_WEAK) != 0});
      raise(max_index, aux->vna_other);
      if (aux->vna_next == 0) break;
      aux_at += aux->vna_next;
    }
    if (need->vn_next == 0) break;
    at += need->vn_next;
  }
  return needs;
}

std::optional<std::vector<std::string>> walk_definitions(Bytes table, std::uint64_t count, const DynamicTable& names,
                                                         std::uint16_t& max_index) {
  std::vector<std::string> versions;
  std::uint64_t at = 0;
  std::size_t budget = max_versions;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto definition = table.at<Elf64_Verdef>(at);
    if (!definition || definition->vd_version != VER_DEF_CURRENT || budget-- == 0) return std::nullopt;
    raise(max_index, definition->vd_ndx);
    const auto aux = table.at<Elf64_Verdaux>(at + definition->vd_aux);  // the first is its name, further ones its parents
    const auto name = aux ? names.name(aux->vda_name) : std::nullopt;
    if (!name) return std::nullopt;
    if ((definition->vd_flags & VER_FLG_BASE) == 0) versions.emplace_back(*name);
    if (definition->vd_next == 0) break;
    at += definition->vd_next;
  }
  return versions;
}

std::uint16_t read_versions(Bytes file, const Segments& segments, const DynamicTable& dynamic, ElfReport& report, GateFindings& findings) {
  std::uint16_t max_index = VER_NDX_GLOBAL;
  if (const auto address = dynamic.find(DT_VERDEF)) {
    if (!walk_definitions(segments.tail(file, *address), dynamic.get(DT_VERDEFNUM), dynamic, max_index))
      findings.malformed("the table of symbol versions it defines is damaged");
  }
  const auto address = dynamic.find(DT_VERNEED);
  if (!address) return max_index;
  auto needs = walk_needs(segments.tail(file, *address), dynamic.get(DT_VERNEEDNUM), dynamic, max_index);
  if (!needs) {
    findings.malformed("the table of symbol versions it needs is damaged");
    return max_index;
  }
  report.versions = std::move(*needs);
  std::string_view last;
  for (const ElfVersionNeed& need : report.versions) {
    if (need.library == last) continue;
    last = need.library;
    if (std::find(report.needed.begin(), report.needed.end(), need.library) == report.needed.end()) {
      findings.refuse("elf.version_without_library",
                      "it requires symbol versions of `" + printable(need.library) + "`, which is not among the libraries it needs",
                      "link it against that library; `patchelf --remove-needed` leaves such files behind");
    }
  }
  return max_index;
}

std::string_view version_family(std::string_view version) {
  const std::size_t end = version.rfind('_');
  return end == std::string_view::npos ? std::string_view() : version.substr(0, end);
}

bool version_less(std::string_view a, std::string_view b) {
  const std::string_view family_a = version_family(a), family_b = version_family(b);
  if (family_a != family_b) return family_a < family_b;
  std::size_t i = family_a.size(), j = i;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      const auto number = [&](std::string_view text, std::size_t& at) {
        while (at < text.size() && text[at] == '0') ++at;
        const std::size_t begin = at;
        while (at < text.size() && digit(text[at])) ++at;
        return text.substr(begin, at - begin);
      };
      const std::string_view x = number(a, i), y = number(b, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

}  // namespace tenon::host
