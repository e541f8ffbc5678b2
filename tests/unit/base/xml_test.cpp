#include "base/xml.hpp"

#include <doctest/doctest.h>

using namespace tenon::host;

TEST_CASE("mark-up and what XML forbids are escaped, everything else stays") {
  CHECK(xml_escaped("") == "");
  CHECK(xml_escaped("</a b=\"c\" & 'd'>") == "&lt;/a b=&quot;c&quot; &amp; &#39;d&#39;&gt;");
  CHECK(xml_escaped("&amp;") == "&amp;amp;");
  CHECK(xml_escaped("a\xEF\xBF\xBE\xEF\xBF\xBFz") == "a\xEF\xBF\xBD\xEF\xBF\xBDz");
  CHECK(xml_escaped("größer \xEF\xBF\xBD \xEF\xBF") == "größer \xEF\xBF\xBD \xEF\xBF");
}

TEST_CASE("a picture begins with its size, its own attributes and white ground") {
  CHECK(svg_begin(30, 4, "font-size=\"11\"") ==
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"30\" height=\"4\" viewBox=\"0 0 30 4\" font-size=\"11\">\n"
        "<rect width=\"30\" height=\"4\" style=\"fill:#fff;stroke:none\"/>\n");
}
