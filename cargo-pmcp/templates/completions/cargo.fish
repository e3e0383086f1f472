
# `cargo pmcp` as well.
complete -c cargo -n "__fish_seen_subcommand_from pmcp" -f -a "(complete -C (string replace -r '^\s*cargo\s+pmcp' cargo-pmcp -- (commandline -cp | string collect)))"
