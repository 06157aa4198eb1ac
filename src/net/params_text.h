#pragma once

#include <string>

#include "base/error.h"

namespace stampede::net {

// What every way into Params asks of a name or a text: valid UTF-8 without NUL. Returns it. Throws
// Error(kBadRequest). Thread-safe; linear.
std::string CheckedText(std::string text);

// Too many parameters in one request.
Error TooManyParams();

}  // namespace stampede::net
