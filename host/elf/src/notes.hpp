// ELF notes: the embedded manifests and the build id.
#pragma once

#include "image.hpp"

namespace tenon::host {

/// Reads the notes of PT_NOTE, and where those hold no manifest, of the section named .note.tenon.manifest. Fills manifests and build_id.
void read_notes(Bytes file, const Elf64_Ehdr& header, const Segments& segments, ElfReport& report, GateFindings& findings);

}  // namespace tenon::host
