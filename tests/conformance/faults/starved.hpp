// Cases that are run with every shortage of memory.
#pragma once

#include <string>
#include <vector>

#include "memory.hpp"
#include "small_host.hpp"

namespace tenon::test {

/// `run(Starving&)` with the first, the second … allocation failing, alone and with all after it, until one run asks for no more. Each run makes
/// and ends its own host; afterwards nothing of what was allocated in a shortage may be left.
template <class Run>
void with_every_shortage(Run&& run) {
  host::this_thread_frames();  // kept for ever, however often it is asked for
  for (const bool lasts : {false, true}) {
    bool struck = true;
    for (unsigned number = 1; struck; ++number) {
      REQUIRE(number < 500);
      Starving starving({number, lasts});
      CAPTURE(starving.text());
      run(starving);
      CHECK(blocks_left() == 0);
      struck = starving.struck();
    }
  }
}

}  // namespace tenon::test
