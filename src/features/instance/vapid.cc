#include "features/instance/vapid.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "base/check.h"

namespace stampede::instance {
namespace {

template <class T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* value) const { Free(value); }
};
using Number = std::unique_ptr<BIGNUM, Deleter<BIGNUM, BN_clear_free>>;
using Group = std::unique_ptr<EC_GROUP, Deleter<EC_GROUP, EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Deleter<EC_POINT, EC_POINT_free>>;

}  // namespace

VapidKeys MakeVapidKeys(Random& random) {
  Group group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  STAMPEDE_CHECK(group);
  const BIGNUM* order = EC_GROUP_get0_order(group.get());
  VapidKeys keys;
  Number scalar;
  do {  // uniform in [1, order): FIPS 186-5, A.2.2; nearly always the first draw
    keys.private_key.assign(32, '\0');
    auto* bytes = reinterpret_cast<uint8_t*>(keys.private_key.data());
    random.Fill({bytes, keys.private_key.size()});
    scalar.reset(BN_bin2bn(bytes, 32, nullptr));
    STAMPEDE_CHECK(scalar);
  } while (BN_is_zero(scalar.get()) || BN_cmp(scalar.get(), order) >= 0);

  Point point(EC_POINT_new(group.get()));
  STAMPEDE_CHECK(point && EC_POINT_mul(group.get(), point.get(), scalar.get(), nullptr, nullptr,
                                       nullptr) == 1);
  keys.public_key.assign(65, '\0');
  size_t written = EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED,
                                      reinterpret_cast<uint8_t*>(keys.public_key.data()),
                                      keys.public_key.size(), nullptr);
  STAMPEDE_CHECK(written == keys.public_key.size());
  return keys;
}

}  // namespace stampede::instance
