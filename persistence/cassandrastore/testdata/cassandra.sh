#!/usr/bin/env bash
# A real Apache Cassandra of one node on the loopback interface, for tests; needs a JDK 17 (java,
# keytool) and mvn.
#
#   cassandra.sh install                  fetch the server into the cache folder, once (66 MB)
#   cassandra.sh run DIR PORT PORT2 PORT3 run it in the foreground until it is killed
#
# DIR keeps its data, its configuration and its log; PORT speaks CQL (with and without TLS, for the user
# cassandra with the password cassandra), PORT2 and PORT3 are its own. DIR/ca.pem is the certificate to
# trust. Started again on the same DIR it goes on with what it had.
set -euo pipefail

version=5.0.5
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ors-test/cassandra-$version

install() {
	if [ -e "$cache/complete" ]; then return; fi
	mkdir -p "$cache"
	cat >"$cache/pom.xml" <<-POM
		<project xmlns="http://maven.apache.org/POM/4.0.0">
		  <modelVersion>4.0.0</modelVersion>
		  <groupId>test</groupId><artifactId>test</artifactId><version>1</version>
		  <dependencies><dependency>
		    <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>$version</version>
		  </dependency></dependencies>
		</project>
	POM
	mvn -q -B -f "$cache/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$cache/lib" >&2
	touch "$cache/complete"
}

configure() {
	mkdir -p "$dir"
	if [ -e "$dir/cassandra.yaml" ]; then return; fi
	cat >"$dir/logback.xml" <<-LOG
		<configuration>
		  <appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%-5level %date %logger{0} %msg%n</pattern></encoder></appender>
		  <root level="WARN"><appender-ref ref="out"/></root>
		</configuration>
	LOG
	keytool -genkeypair -keystore "$dir/keystore.p12" -storetype PKCS12 -storepass cassandra -alias node -keyalg EC \
		-dname CN=cassandra -ext san=ip:127.0.0.1 -validity 30 2>"$dir/keytool.log"
	keytool -exportcert -rfc -keystore "$dir/keystore.p12" -storepass cassandra -alias node >"$dir/ca.pem" 2>>"$dir/keytool.log"
	cat >"$dir/cassandra.yaml" <<-YAML
		cluster_name: test
		num_tokens: 1
		partitioner: org.apache.cassandra.dht.Murmur3Partitioner
		seed_provider:
		  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
		    parameters: [{seeds: "127.0.0.1:$port2"}]
		listen_address: 127.0.0.1
		rpc_address: 127.0.0.1
		storage_port: $port2
		native_transport_port: $port
		start_native_transport: true
		endpoint_snitch: SimpleSnitch
		authenticator: PasswordAuthenticator
		client_encryption_options:
		  enabled: true
		  optional: true
		  keystore: $dir/keystore.p12
		  keystore_password: cassandra
		commitlog_sync: batch
		paxos_variant: v2
		hinted_handoff_enabled: false
		data_file_directories: [$dir/data]
		commitlog_directory: $dir/commitlog
		saved_caches_directory: $dir/caches
		hints_directory: $dir/hints
		cdc_raw_directory: $dir/cdc
	YAML
}

run() {
	dir=$1 port=$2 port2=$3 port3=$4
	install
	configure
	local flags=() name
	for name in java.base/jdk.internal.misc java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry \
		java.rmi/sun.rmi.server java.sql/java.sql java.base/java.lang.ref jdk.unsupported/sun.misc jdk.attach/sun.tools.attach; do
		flags+=(--add-exports "$name=ALL-UNNAMED")
	done
	for name in java.base/{java.lang.module,jdk.internal.{loader,ref,reflect,math,module,util.jar},sun.nio.ch,java.{io,lang,nio,util}} \
		java.base/java.util.concurrent{,.atomic} jdk.management/com.sun.management.internal java.rmi/sun.rmi.transport.tcp; do
		flags+=(--add-opens "$name=ALL-UNNAMED")
	done
	exec java -Xms512m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "${flags[@]}" \
		-Dlogback.configurationFile="$dir/logback.xml" \
		-Dcassandra.config="file:$dir/cassandra.yaml" -Dcassandra.storagedir="$dir" -Dcassandra-foreground=yes \
		-Dcassandra.jmx.local.port="$port3" -Djdk.attach.allowAttachSelf=true \
		-Dcassandra.superuser_setup_delay_ms=0 -Dcassandra.auth_bcrypt_gensalt_log2_rounds=4 -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=100 \
		-cp "$cache/lib/*" org.apache.cassandra.service.CassandraDaemon
}

case ${1:-} in
install) install ;;
run) shift && run "$@" ;;
*) sed -n '2,11s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
