#include "codec/crypto.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>
#include <vector>

#include "base/check.h"
#include "codec/base64.h"

namespace stampede::codec {
namespace {

constexpr size_t kSaltBytes = 16;  // RFC 9106, section 4
constexpr size_t kHashBytes = 32;

}  // namespace

std::string Sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

bool ConstantTimeEqual(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string HashPassword(std::string_view password, Random& random, const PasswordCost& cost) {
  std::array<uint8_t, kSaltBytes> salt;
  random.Fill(salt);
  std::string encoded(argon2_encodedlen(cost.passes, cost.memory_kib, cost.lanes, kSaltBytes,
                                        kHashBytes, Argon2_id),
                      '\0');
  int status = argon2id_hash_encoded(cost.passes, cost.memory_kib, cost.lanes, password.data(),
                                     password.size(), salt.data(), salt.size(), kHashBytes,
                                     encoded.data(), encoded.size());
  STAMPEDE_CHECK(status == ARGON2_OK);
  encoded.resize(encoded.find('\0'));
  return encoded;
}

std::string HashOfNoPassword(Random& random, const PasswordCost& cost) {
  auto random_text = [&random](size_t bytes) {
    std::vector<uint8_t> noise(bytes);
    random.Fill(noise);
    std::string text = Base64Encode({reinterpret_cast<char*>(noise.data()), noise.size()});
    return text.substr(0, text.find('='));
  };
  std::string encoded = "$argon2id$v=19$m=" + std::to_string(cost.memory_kib) +
                        ",t=" + std::to_string(cost.passes) + ",p=" + std::to_string(cost.lanes);
  encoded += "$" + random_text(kSaltBytes);
  return encoded += "$" + random_text(kHashBytes);
}

bool VerifyPassword(const std::string& hash, std::string_view password) {
  return argon2id_verify(hash.c_str(), password.data(), password.size()) == ARGON2_OK;
}

}  // namespace stampede::codec
