#include "schema_pattern_classes.hpp"

#include <algorithm>

namespace tenon::host::json_schema {
namespace {

constexpr std::string_view white_space =
    R"(\t\n\v\f\r\x{20}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff})";
constexpr std::string_view not_white_space =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e})"
    R"(\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff})";

struct CategoryName {
  std::string_view long_name, short_name;
};
constexpr CategoryName categories[] = {
    {"Other", "C"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Format", "Cf"},
    {"Private_Use", "Co"},
    {"Surrogate", "Cs"},
    {"Letter", "L"},
    {"Lowercase_Letter", "Ll"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Titlecase_Letter", "Lt"},
    {"Uppercase_Letter", "Lu"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Close_Punctuation", "Pe"},
    {"Final_Punctuation", "Pf"},
    {"Initial_Punctuation", "Pi"},
    {"Other_Punctuation", "Po"},
    {"Open_Punctuation", "Ps"},
    {"Symbol", "S"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Math_Symbol", "Sm"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Space_Separator", "Zs"},
};

}  // namespace

std::string_view class_escape(char letter) {
  switch (letter) {
    case 'd':
      return "0-9";
    case 'D':
      return R"(\x{0}-\x{2f}\x{3a}-\x{10ffff})";
    case 'w':
      return "0-9A-Za-z_";
    case 'W':
      return R"(\x{0}-\x{2f}\x{3a}-\x{40}\x{5b}-\x{5e}\x{60}\x{7b}-\x{10ffff})";
    case 's':
      return white_space;
    default:
      return not_white_space;
  }
}

std::optional<std::string> property_set(char letter, std::string_view written) {
  std::string_view name = written;
  bool script = false;
  if (const std::size_t equals = name.find('='); equals != std::string_view::npos) {
    const std::string_view key = name.substr(0, equals);
    name.remove_prefix(equals + 1);
    script = key == "Script" || key == "sc";
    if (!script && key != "General_Category" && key != "gc") return std::nullopt;
  }
  if (!script) {
    if (name == "ASCII") return letter == 'p' ? R"(\x{0}-\x{7f})" : R"(\x{80}-\x{10ffff})";
    if (letter == 'p' && (name == "LC" || name == "Cased_Letter")) return R"(\p{Lu}\p{Ll}\p{Lt})";
    for (const CategoryName& category : categories)
      if (name == category.long_name) name = category.short_name;
  }
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(),
                                                  [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; });
  if (!plain) return std::nullopt;
  return std::string("\\") + letter + "{" + std::string(name) + "}";
}

}  // namespace tenon::host::json_schema
