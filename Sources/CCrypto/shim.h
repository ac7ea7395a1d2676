// OpenSSL's libcrypto, of which only message digests are used.
#pragma once

#include <openssl/evp.h>
