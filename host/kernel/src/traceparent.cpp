#include "kernel/traceparent.hpp"

#include <algorithm>

namespace tenon::host {
namespace {

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool is_id(std::string_view text) { return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos; }

}  // namespace

bool is_traceparent(std::string_view text) {
  return text.size() == traceparent_size && text.starts_with("00-") && text[35] == '-' && text[52] == '-' && is_id(text.substr(3, 32)) &&
         is_id(text.substr(36, 16)) && is_hex(text.substr(53, 2));
}

}  // namespace tenon::host
