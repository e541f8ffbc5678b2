#include "base/xml.hpp"

namespace tenon::host {

std::string xml_escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("\xEF\xBF\xBE") || text.substr(i).starts_with("\xEF\xBF\xBF")) {
      out += "\xEF\xBF\xBD";
      i += 2;
      continue;
    }
    switch (text[i]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += text[i];
    }
  }
  return out;
}

std::string svg_begin(int width, int height, std::string_view attributes) {
  const std::string w = std::to_string(width), h = std::to_string(height);
  std::string out =
      R"(<svg xmlns="http://www.w3.org/2000/svg" width=")" + w + R"(" height=")" + h + R"(" viewBox="0 0 )" + w + ' ' + h + "\" ";
  out.append(attributes);
  // By style, so that a picture's own rules for its boxes do not reach the ground.
  return out + ">\n<rect width=\"" + w + "\" height=\"" + h + "\" style=\"fill:#fff;stroke:none\"/>\n";
}

}  // namespace tenon::host
