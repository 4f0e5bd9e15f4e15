/* Unpacks PDUs, one in hex a line, with libsmpp34, and prints for each the
 * command_id and "ok" or what is wrong. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <smpp34.h>
#include <smpp34_structs.h>
#include <smpp34_params.h>

/* The header leaves out the one that fills any struct. */
int smpp34_unpack2(void *pdu, const uint8_t *octets, int length);

int main(void)
{
	static char line[1 << 18];
	static uint8_t octets[1 << 16];
	static uint64_t pdu[1 << 16]; /* more than any of its structs */

	while (fgets(line, sizeof line, stdin)) {
		int length = 0;
		unsigned octet;
		uint32_t id;

		for (char *p = line; length < (int)sizeof octets && sscanf(p, "%2x", &octet) == 1; p += 2)
			octets[length++] = octet;
		memcpy(&id, octets + 4, sizeof id);
		memset(pdu, 0, sizeof pdu);
		printf("%08x %s\n", ntohl(id), smpp34_unpack2(pdu, octets, length) ? smpp34_strerror : "ok");
	}
	return 0;
}
