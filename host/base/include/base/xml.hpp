// XML escapes, and the frame of the SVG pictures that reports are drawn into.
#pragma once

#include <string>
#include <string_view>

namespace tenon::host {

/// `text`, printable already (see printable()), as XML content or attribute value: mark-up escaped, and the two code points that XML forbids
/// although they are well-formed, U+FFFE and U+FFFF, as U+FFFD.
std::string xml_escaped(std::string_view text);

/// The first lines of an SVG picture of this size in pixels on white ground. `attributes` go into its root as they are: `font-size="11"`. It ends
/// with svg_end.
std::string svg_begin(int width, int height, std::string_view attributes);
inline constexpr std::string_view svg_end = "</svg>\n";

}  // namespace tenon::host
