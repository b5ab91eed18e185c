/* What the two sides of rping say to each other, and where its server listens: rdma-core 44. */
#pragma once

#define RPING  7174u
#define ADVERT 16u /* bytes of a message that tells of memory: address 8, key 4, bytes 4 */
