#include "minimal.hpp"

TENON_MODULE(Minimal);
