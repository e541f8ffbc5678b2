// Counts what this test program allocates with new.
#pragma once

long allocation_count();
