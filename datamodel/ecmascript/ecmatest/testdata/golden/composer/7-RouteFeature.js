/*
 * Routing: the system variables of the interaction, user data, and the
 * enumerations of the platform by the names that diagrams use.
 */

/** The interaction that the strategy works on; undefined without one. */
function effectiveInteraction() {
    var context = systemContext();
    if (typeof context == 'undefined' || !isDefined(context.InteractionID)) {
        return undefined;
    }
    return _genesys.ixn.interactions[context.InteractionID];
}

/** Called by the handler of interaction.added: the first values of the system variables. */
function initializeRoutingSystemVariables() {
    var context = systemContext();
    context.InteractionID = _event.data.interactionid;
    context.InitialInteractionID = _event.data.interactionid;
    context.ParentInteractionID = undefined;
    var interaction = effectiveInteraction();
    if (typeof interaction != 'undefined' && isDefined(interaction.parentid) && interaction.parentid !== '') {
        context.ParentInteractionID = interaction.parentid;
    }
    if (isDefined(_event.data.focusdeviceid)) {
        context.ThisDN = _event.data.focusdeviceid;
    }
    setSystemVarsForEffectiveIxnId(context);
}

/** Brings the system variables up to date with the effective interaction. */
function setSystemVarsForEffectiveIxnId(context) {
    context.TenantName = _genesys.session.tenant;
    context.TenantID = _genesys.session.tenantid;
    if (!isDefined(context.InteractionID)) {
        return;
    }
    var interaction = _genesys.ixn.interactions[context.InteractionID];
    if (typeof interaction == 'undefined') {
        return;
    }
    context.InteractionUID = interaction.g_uid;
    if (isDefined(interaction.tenantid)) {
        context.TenantID = Number(interaction.tenantid);
    }
    if (typeof interaction.voice != 'undefined') {
        setVoiceVars(context, interaction);
    } else if (typeof interaction.msgbased != 'undefined') {
        setMediaVars(context, interaction, interaction.msgbased);
    } else if (typeof interaction.chat != 'undefined') {
        setMediaVars(context, interaction, interaction.chat);
    }
}

function setVoiceVars(context, interaction) {
    context.Type = interaction.voice.type;
    context.InteractionType = 'voice';
    context.InteractionSubType = interaction.voice.type;
    context.InteractionMediaType = 'voice';
    context.CallID = interaction.voice.callid;
    context.DNIS = interaction.voice.dnis;
    context.ANI = interaction.voice.ani;
    var device = waitingDevice(interaction);
    if (device !== '') {
        context.ThisDN = device;
    }
}

function setMediaVars(context, interaction, media) {
    context.Type = media.type;
    context.InteractionType = media.type;
    context.InteractionSubType = media.type;
    context.InteractionMediaType = media.media;
    context.ExternalID = media.externalID;
    context.CurrentQueue = media.queue;
    if (typeof interaction.location != 'undefined') {
        context.SubmittedBy = interaction.location.media_server;
    }
}

/** The routing point or queue where a call waits; '' when it does not. */
function waitingDevice(interaction) {
    var party;
    for (var name in interaction.parties) {
        party = interaction.parties[name];
        if (party.devicetype == 'routepoint' || party.devicetype == 'queue') {
            return party.device;
        }
    }
    return '';
}

/** A value of the user data of the effective interaction, '' without one. */
function getuData(key) {
    var interaction = effectiveInteraction();
    if (typeof interaction == 'undefined') {
        return '';
    }
    return valueOr(interaction.udata[key], '');
}

/** A value in a list of lists: getuDataPath('Order.Lines.0'). */
function getuDataPath(path) {
    var interaction = effectiveInteraction();
    if (typeof interaction == 'undefined') {
        return '';
    }
    var at = interaction.udata;
    var steps = path.split('.');
    for (var i = 0; i < steps.length; i++) {
        if (!isDefined(at) || typeof at != 'object') {
            return '';
        }
        at = at[steps[i]];
    }
    return valueOr(at, '');
}

/* ---- the target that was selected ---- */

/** Keeps what a queue.submit.done says about the target. */
function storeSelectedTarget(block, event) {
    var context = systemContext();
    context.LastTargetSelected = event.data.targetselected;
    context.LastTargetComponentSelected = event.data.targetcomponentselected;
    context.LastTargetObjectSelected = event.data.targetobjectselected;
    context.LastVirtualQueueSelected = event.data.vqselected;
    block.targetResource = updateResource(event.data.access, event.data.resource);
    block.targetSelected = event.data.targetselected;
    block.targetType = getTargetType(event.data.targetcomponentselected);
}

/** The resource to redirect to: with the access prefix when it is on another switch. */
function updateResource(access, resource) {
    var copy = copyOf(resource);
    if (isDefined(access) && isDefined(access.prefix) && access.prefix !== '') {
        copy.dn = access.prefix + copy.dn;
    }
    return copy;
}

/** What kind of target Name@Server.Type is: Agent, Place or DN. */
function getTargetType(target) {
    if (!isDefined(target)) {
        return 'DN';
    }
    var type = target.substring(target.lastIndexOf('.') + 1);
    switch (type) {
    case 'A':
    case 'GA':
        return 'Agent';
    case 'AP':
    case 'GP':
        return 'Place';
    }
    return 'DN';
}

/** The name in Name@Server.Type. */
function getTargetName(target) {
    var at = target.lastIndexOf('@');
    return at < 0 ? target : target.substring(0, at);
}

/** Joins names, a statistics server and a type to a list of targets. */
function makeTargets(names, server, type) {
    var list = [];
    for (var i = 0; i < names.length; i++) {
        list.push(names[i] + '@' + server + '.' + type);
    }
    return list.join(',');
}

/** A target by skill: makeSkillTarget({English: 5}, 'StatServer') asks for more than 4. */
function makeSkillTarget(levels, server) {
    var terms = [];
    for (var skill in levels) {
        terms.push(skill + ' >= ' + levels[skill]);
    }
    return '?:(' + terms.join(' & ') + ')@' + server + '.GA';
}

/* ---- enumerations ---- */

function getRouteTypeEnum(name) {
    var types = _genesys.queue.rType;
    switch (name) {
    case 'Default':
        return types.RouteTypeDefault;
    case 'Direct':
        return types.RouteTypeDirect;
    case 'DirectAgent':
        return types.RouteTypeDirectAgent;
    case 'Label':
        return types.RouteTypeLabel;
    case 'Reject':
        return types.RouteTypeReject;
    case 'OverwriteDNIS':
        return types.RouteTypeOverwriteDNIS;
    case 'PostFeature':
        return types.RouteTypePostFeature;
    case 'GetFromDN':
        return types.RouteTypeGetFromDN;
    }
    return types.RouteTypeUnknown;
}

function toEnumUseCapCond(name) {
    switch (name) {
    case 'Never':
        return _genesys.queue.usecapcond.Never;
    case 'Only':
        return _genesys.queue.usecapcond.Only;
    }
    return _genesys.queue.usecapcond.OnStatError;
}

function irdSetDNISOverride(kind) {
    switch (kind) {
    case 'ANI':
        return _genesys.queue.overwriteType.UseANI;
    case 'DNIS':
        return _genesys.queue.overwriteType.UseDNIS;
    case 'Config':
        return _genesys.queue.overwriteType.UseConfig;
    }
    return _genesys.queue.overwriteType.UseNone;
}

/** A statistic, or other when there is none. */
function statisticOr(object, statistic, other) {
    try {
        return _genesys.statistic.sData(object, statistic);
    } catch (e) {
        return other;
    }
}
