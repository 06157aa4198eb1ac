#pragma once

#include <string>

#include "base/random.h"

namespace stampede::instance {

// An application server key for Web Push (RFC 8292): a key pair on P-256.
struct VapidKeys {
  std::string private_key;  // 32 bytes, big-endian
  std::string public_key;   // 65 bytes, uncompressed point (X9.62)
};

// Thread-safe; about a millisecond.
VapidKeys MakeVapidKeys(Random& random);

}  // namespace stampede::instance
