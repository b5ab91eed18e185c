/* What the two sides of perftest say to each other with -R, on their first connection, and where its servers
 * here listen: perftest 4.5. Each message of the client is answered by one as long. */
#pragma once

#define PERFTEST           18515u
#define PERFTEST_SEND_LAT  18516u
#define PERFTEST_WRITE_LAT 18517u

/* About a queue pair: LID, READs, QP, PSN, key, -, address 8, GID 16, SRQ, GID index. */
#define DESTINATION 56u
#define DEST_READS  4u
#define DEST_QP     8u
#define DEST_PSN    12u
#define DEST_KEY    16u
#define DEST_VA     24u
#define DEST_GID    32u
#define DEST_INDEX  52u
#define RESULT      8u /* of ib_*_bw: a number; what follows about a queue pair is the end */
